import { Constants } from "../../domain/constants";
import type { CopyAction, ProjectTransfer } from "../../domain/environment-life";
import { SluiceError } from "../../domain/errors";
import type { Json } from "../../domain/json";
import type { CopyItem } from "../../domain/pending-change";
import type { ResourceKind } from "../../domain/resource";
import { applyProject } from "../apply-project";
import { droppable } from "../drop-names";
import type { StoredResource } from "../ports";
import { exportProject } from "../projects";
import { begin, type EnvironmentServices, requireReady, requireStanding } from "./environments";
import type { HostedProject, StoredEnvironment } from "./ports";
import { endDeliveries } from "./purge-environment";

/** The project that is added, where it comes from, and what of its data goes with it. */
export interface TransferRequest {
  organizationId: number;
  projectId: string | undefined;
  transfer: ProjectTransfer;
  by: string;
}

/**
 * Adds a project to an environment, or brings it up to date: its definitions at once, all or nothing; its data by the
 * environment's object, each set all or nothing (seed: Add/Update Project to Environment). Without a source environment it
 * comes from the designer, which is the organization's default environment.
 * @throws SluiceError not_found, invalid_request, invalid_bundle, conflict
 */
export async function transferProject(
  services: EnvironmentServices,
  target: StoredEnvironment,
  { organizationId, projectId, transfer, by }: TransferRequest,
): Promise<StoredEnvironment> {
  requireReady(target, "updating");
  const source = await sourceOf(services, organizationId, transfer.source_environment);
  if (source.id === target.id) {
    const reason = "the environment that a project comes from is another one than that to which it goes";
    throw new SluiceError("invalid_request", `source_environment: ${reason}.`, {
      problems: [{ path: "source_environment", reason }],
    });
  }
  const project = await hostedProject(services, source.id, projectId);
  const hosted = await services.environments.projects(target.id);
  const present = hosted.find(({ id }) => id === project.id);
  // One of the same name that came from elsewhere would be overwritten.
  const twin = hosted.find((each) => each.name === project.name && each.id !== project.id);
  if (twin !== undefined) {
    throw new SluiceError(
      "conflict",
      `The environment hosts another project named "${project.name}", with the id ${twin.id}; delete that first.`,
    );
  }
  const fromEnvironment = transfer.source_environment !== undefined;
  if (
    present !== undefined &&
    (fromEnvironment ? project.version <= present.version : project.version < present.version)
  ) {
    throw new SluiceError(
      "conflict",
      `The environment has version ${present.version} of the project, and the source has version ${project.version}; only a newer one can be taken.`,
      { version: present.version },
    );
  }
  const resources = await services.projects.resources(source.id, project.rowId);
  const items = copyItems(transfer, resources);
  await applyDefinitions(services, {
    source,
    target,
    project,
    present,
    by,
    staticData: transfer.static_data,
  });
  const rowId = (await services.projects.find(target.id, project.name))?.id;
  if (rowId === undefined) throw new Error(`project ${project.name} was applied and is not there`);
  await services.environments.setOrigin(target.id, rowId, project.id, project.version);
  if (items.length === 0) {
    return (await services.environments.find(target.id)) ?? target;
  }
  return begin(services, target, "updating", {
    kind: "transfer",
    from: { environmentId: source.id, projectId: project.rowId },
    to: { environmentId: target.id, projectId: rowId },
    items,
    done: 0,
    failed: [],
  });
}

async function sourceOf(
  services: EnvironmentServices,
  organizationId: number,
  id: number | undefined,
): Promise<StoredEnvironment> {
  if (id !== undefined) {
    try {
      return await requireStanding(services, organizationId, String(id));
    } catch (cause) {
      if (!(cause instanceof SluiceError)) throw cause;
      const reason = `the organization has no environment ${id}`;
      throw new SluiceError("invalid_request", `source_environment: ${reason}.`, {
        problems: [{ path: "source_environment", reason }],
      });
    }
  }
  const designer = (await services.environments.list(organizationId)).find(({ isDefault }) => isDefault);
  if (designer === undefined) {
    throw new SluiceError("not_found", "The organization has no default environment to take projects from.");
  }
  return designer;
}

/** A project by the id that environments name it by. @throws SluiceError not_found */
export async function hostedProject(
  services: Pick<EnvironmentServices, "environments">,
  environmentId: number,
  id: string | number | undefined,
): Promise<HostedProject> {
  const wanted = String(id ?? "");
  const projects = await services.environments.projects(environmentId);
  const found = projects.find((project) => String(project.id) === wanted);
  if (found === undefined) throw new SluiceError("not_found", "There is no project with this id there.");
  return found;
}

interface Application {
  source: StoredEnvironment;
  target: StoredEnvironment;
  project: HostedProject;
  /** The project as the target hosts it already. */
  present: HostedProject | undefined;
  /** Whether constants of the target get the source's values. */
  staticData: boolean;
  by: string;
}

async function applyDefinitions(
  services: EnvironmentServices,
  { source, target, project, present, staticData, by }: Application,
): Promise<void> {
  const { bundle } = await exportProject(services, source, project.name, false);
  const { version: _, ...document } = bundle;
  if (!staticData && present !== undefined) {
    const own = await exportProject(services, target, project.name, false);
    const constants = keptConstants(bundle.constants, own.bundle.constants);
    if (constants !== undefined) document.constants = constants;
  }
  await applyProject(services, {
    environment: { id: target.id, organizationId: target.organizationId, name: target.name },
    project: project.name,
    document,
    dryRun: false,
    publish: true,
    secretsLater: true,
    // What the project no longer has goes with the update: it is the project as it is at the source that was asked for.
    drop: present === undefined ? [] : droppable(await services.projects.resources(target.id, present.rowId)),
    ifMatch: undefined,
    ifNoneMatch: undefined,
    by,
  });
}

/** The source's constants, with the values that they have in the environment already. */
function keptConstants(theirs: unknown, own: unknown): Constants | undefined {
  if (theirs === undefined) return undefined;
  const present = Constants.safeParse(own).data ?? {};
  return Object.fromEntries(
    Object.entries(Constants.parse(theirs)).map(([name, value]) => [
      name,
      Object.hasOwn(present, name) ? (present[name] as Json) : value,
    ]),
  );
}

/** What is copied after the definitions. @throws SluiceError invalid_request naming what the project does not have */
function copyItems(transfer: ProjectTransfer, resources: readonly StoredResource[]): CopyItem[] {
  const items: CopyItem[] = [];
  const names = (kind: ResourceKind) =>
    resources.filter((each) => each.kind === kind).map(({ name }) => name);
  const add = (
    kind: "table" | "keystore" | "website",
    all: CopyAction | undefined,
    listed: readonly { name: string; action: CopyAction }[],
    path: string,
  ): void => {
    if (all !== undefined) {
      for (const name of names(kind)) items.push({ kind, name, action: all });
      return;
    }
    for (const [index, { name, action }] of listed.entries()) {
      if (!names(kind).includes(name)) {
        const reason = `the project has no ${kind} "${name}"`;
        throw new SluiceError("invalid_request", `${path}: ${reason}.`, {
          problems: [{ path: `${path}.${index}`, reason }],
        });
      }
      items.push({ kind, name, action });
    }
  };
  const keystores = transfer.keystores.map(({ keystore_id, action }) => ({ name: keystore_id, action }));
  const websites = transfer.websites.map(({ slug, action }) => ({ name: slug, action }));
  if (transfer.static_data) items.push({ kind: "schema", name: "", action: "insert or update" });
  add("table", transfer.all_tables, transfer.tables, "tables");
  add("keystore", transfer.all_keystores, keystores, "keystores");
  add("website", transfer.all_websites, websites, "websites");
  if (transfer.file_manager) items.push({ kind: "files", name: "", action: "delete and insert" });
  return items;
}

/** Takes a project out of an environment, with its data. @throws SluiceError not_found, conflict */
export async function deleteHostedProject(
  services: EnvironmentServices,
  environment: StoredEnvironment,
  projectId: string | undefined,
  by: string,
): Promise<void> {
  requireReady(environment, "updating");
  const project = await hostedProject(services, environment.id, projectId);
  const resources = await services.projects.resources(environment.id, project.rowId);
  await applyProject(services, {
    environment: { id: environment.id, organizationId: environment.organizationId, name: environment.name },
    project: project.name,
    document: { flows: [] },
    dryRun: false,
    publish: true,
    drop: droppable(resources),
    ifMatch: undefined,
    ifNoneMatch: undefined,
    by,
  });
  await services.environments.removeProject(environment.id, project.rowId, services.world.now());
  const webhooks = resources.filter(({ kind }) => kind === "webhook").map(({ name }) => name);
  await endDeliveries(services, environment.id, { webhooks });
}
