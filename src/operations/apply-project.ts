import { sha256Hex } from "../domain/digest";
import type { Environment } from "../domain/environment";
import { type Problem, SluiceError } from "../domain/errors";
import type { FlowSource } from "../domain/flow";
import { pointer } from "../domain/json-path";
import { RESOURCES } from "../domain/resource";
import { type BundleServices, type CheckedFlow, checkBundle } from "./check-bundle";
import { type CheckedResource, secretsOfResources } from "./check-resources";
import { type ClearServices, clearDroppedKeystores } from "./clear-dropped-keystores";
import { compareResources, type ResourceSummary } from "./compare-resources";
import { requireEdit } from "./edit-permission";
import type {
  Catalog,
  FlowChange,
  ProjectChange,
  Projects,
  StoredFlow,
  StoredProject,
  TableSchemas,
  World,
} from "./ports";
import { missingSecrets, type SecretNames } from "./secrets";

export interface ApplyServices extends ClearServices, BundleServices {
  projects: Projects;
  tableSchemas: TableSchemas;
  catalog: Catalog;
  world: World;
  /** Which secrets there are, so that a flow whose secret is missing is not published. */
  secretNames: SecretNames;
}

export interface ApplyRequest {
  environment: Environment;
  project: string;
  /** The bundle, parsed. */
  document: unknown;
  dryRun: boolean;
  /** `false` stores drafts and leaves what is current, resources too. */
  publish: boolean;
  /** Publishes although secrets are missing that the bundle names: who asks has no way to set them. What needs one fails until it is set. */
  secretsLater?: boolean;
  /** What may be lost, by name (`drop-names.ts`). A name that nothing is lost of is warned of. */
  drop: readonly string[];
  /** Entity tags of `If-Match`; `undefined` when there is no such header. */
  ifMatch: string[] | undefined;
  /** Entity tags of `If-None-Match`; `*` asks for a new project. */
  ifNoneMatch: string[] | undefined;
  by: string;
  /** Groups of the user who asks; `undefined` for administrators of the deployment, and for surfaces with rules of their own. */
  groups?: readonly string[] | undefined;
}

/** What an applied bundle changed, or would change. */
export interface ApplyResult {
  project: string;
  /** The project's version after it. */
  version: number;
  changed: boolean;
  published: boolean;
  dryRun: boolean;
  flows: { created: string[]; updated: string[]; restored: string[]; retired: string[]; unchanged: number };
  /** By kind; only kinds of which there is something to tell. */
  resources: ResourceSummary;
  /** What was asked for and had no effect; absent when there is nothing to warn of. */
  warnings?: Problem[];
}

/**
 * Times that a change of one project is computed anew when another came between. Of those that meet one wins each time,
 * so this many may meet.
 */
export const ATTEMPTS = 50;

/** The entity tag of a project at a version, in one of its representations. */
export function projectTag(version: number, ...representation: (string | undefined)[]): string {
  return `"${[version, ...representation.filter((part) => part !== undefined)].join("-")}"`;
}

/** The version in an entity tag, whichever representation it is of. */
function taggedVersion(tag: string): number | undefined {
  const digits = /^"(\d+)(?:-[a-z-]+)?"$/.exec(tag)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Applies a whole project: all or nothing, and the same bundle twice changes nothing the second time.
 * @throws SluiceError invalid_bundle with every problem; precondition_failed; conflict
 */
export async function applyProject(services: ApplyServices, request: ApplyRequest): Promise<ApplyResult> {
  const { environment, project } = request;
  const { header, flows, resources, problems } = checkBundle(request.document, project, services);
  await addAliasProblems(services.projects, request, flows, problems);
  if (request.publish && !request.secretsLater) {
    const named = [...flows.flatMap(({ secrets }) => secrets), ...secretsOfResources(resources)];
    problems.push(...(await missingSecrets(services.secretNames, environment.id, named)));
  }
  await addTakenResources(services.projects, request, resources, problems);
  if (problems.length > 0) {
    throw new SluiceError(
      "invalid_bundle",
      `The bundle has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}; nothing was changed.`,
      { problems },
    );
  }
  const hashed = await Promise.all(flows.map(async (flow) => changeOf(flow)));
  for (let attempt = 1; ; attempt += 1) {
    const stored = await services.projects.find(environment.id, project);
    checkPrecondition(request, stored?.removed ? undefined : stored);
    const present = stored === undefined ? [] : await services.projects.flows(environment.id, stored.id);
    const plan = compare(hashed, present, request.publish);
    if (stored !== undefined) {
      const { updated, restored, retired } = plan.summary;
      const touched = [...updated, ...restored, ...retired];
      await requireEdit(services.projects, environment, stored.id, request.groups, touched);
    }
    const known = stored === undefined ? [] : await services.projects.resources(environment.id, stored.id);
    const changedResources = await compareResources(
      environment.id,
      resources,
      known,
      request,
      services.tableSchemas,
    );
    if (changedResources.problems.length > 0) {
      throw new SluiceError(
        "invalid_bundle",
        "Applying the bundle would lose data; nothing was changed. Name what may be lost with `?drop=`.",
        { problems: changedResources.problems },
      );
    }
    // Drafts keep the constants that they read; those of the project are what is current, as resources are.
    const constants = request.publish ? header.constants : stored?.document.constants;
    const document = JSON.stringify({
      sluice: header.sluice,
      ...(header.$schema === undefined ? {} : { $schema: header.$schema }),
      ...(header.description === undefined ? {} : { description: header.description }),
      ...(constants === undefined ? {} : { constants }),
    });
    const headerChanged =
      stored === undefined || stored.removed || JSON.stringify(stored.document) !== document;
    const changed =
      headerChanged ||
      plan.changes.length + plan.republish.length + plan.retired.length > 0 ||
      changedResources.changes.length + changedResources.removed.length > 0;
    const result: ApplyResult = {
      project,
      version: (stored?.version ?? 0) + (changed ? 1 : 0),
      changed,
      published: request.publish,
      dryRun: request.dryRun,
      flows: plan.summary,
      resources: changedResources.summary,
      ...(changedResources.warnings.length === 0 ? {} : { warnings: changedResources.warnings }),
    };
    if (request.dryRun || !changed) return result;
    const change: ProjectChange = {
      environmentId: environment.id,
      name: project,
      description: header.description ?? null,
      from: stored?.version ?? 0,
      document,
      summary: JSON.stringify({ ...plan.summary, resources: changedResources.summary }),
      publish: request.publish,
      by: request.by,
      at: services.world.now(),
      flows: plan.changes,
      republish: plan.republish,
      retired: plan.retired,
      resources: changedResources.changes,
      removedResources: changedResources.removed,
      statements: changedResources.statements,
    };
    const applied = await services.projects.apply(change);
    if (applied.kind === "applied") {
      await services.catalog.advance(environment.id, applied.epoch);
      await clearDroppedKeystores(services, environment.id);
      return { ...result, version: applied.version };
    }
    if (applied.kind === "alias_taken") {
      throw new SluiceError(
        "conflict",
        "Another project took one of the bundle's URL aliases meanwhile; nothing was changed. Apply it again to see which.",
      );
    }
    if (applied.kind === "resource_taken") {
      throw new SluiceError(
        "conflict",
        "Another project took the name of one of the bundle's resources meanwhile; nothing was changed. Apply it again to see which.",
      );
    }
    if (applied.kind === "values_repeated") {
      throw new SluiceError(
        "conflict",
        `Rows repeat a value of ${applied.columns.join(", ")}, which becomes unique; nothing was changed. Change those rows, then apply again.`,
      );
    }
    if (attempt >= ATTEMPTS) {
      throw new SluiceError(
        "conflict",
        "The project was changed by someone else at the same moment; nothing was changed. Read it again, then apply.",
      );
    }
  }
}

async function addAliasProblems(
  projects: Projects,
  { environment, project, document }: ApplyRequest,
  flows: CheckedFlow[],
  problems: Problem[],
): Promise<void> {
  const aliases = flows.flatMap(({ alias }) => (alias === null ? [] : [alias]));
  for (const taken of await projects.aliasesElsewhere(environment.id, project, aliases)) {
    const owner = flows.find(({ alias }) => alias === taken.alias);
    const index = (document as { flows: FlowSource[] }).flows.findIndex(({ flow }) => flow === owner?.name);
    problems.push({
      path: pointer("flows", index, "endpoint", "alias"),
      reason: `the alias "${taken.alias}" is that of flow "${taken.flow}" in project "${taken.project}"; aliases are unique in an environment`,
    });
  }
}

async function addTakenResources(
  projects: Projects,
  { environment, project }: ApplyRequest,
  resources: readonly CheckedResource[],
  problems: Problem[],
): Promise<void> {
  const wanted = resources.filter(({ kind }) => RESOURCES[kind].unique === "environment");
  const taken = await projects.resourcesElsewhere(
    environment.id,
    project,
    wanted.map(({ kind, name }) => ({ kind, name })),
  );
  for (const { kind, name, project: owner } of taken) {
    const resource = wanted.find((each) => each.kind === kind && each.name === name);
    problems.push({
      path: `${resource?.path ?? ""}/${RESOURCES[kind].key}`,
      reason: `project "${owner}" has the ${kind} "${name}"; the name is unique in an environment`,
    });
  }
}

function checkPrecondition(
  { ifMatch, ifNoneMatch }: Pick<ApplyRequest, "ifMatch" | "ifNoneMatch">,
  stored: StoredProject | undefined,
): void {
  if (stored !== undefined && ifNoneMatch !== undefined) {
    if (ifNoneMatch.some((tag) => tag === "*" || taggedVersion(tag) === stored.version)) {
      throw new SluiceError(
        "precondition_failed",
        `If-None-Match was given, and the project exists, at version ${stored.version}. Leave the header out to replace it.`,
      );
    }
  }
  if (ifMatch === undefined) return;
  if (stored === undefined) {
    throw new SluiceError("precondition_failed", "If-Match was given, and there is no such project yet.");
  }
  if (ifMatch.some((tag) => tag === "*" || taggedVersion(tag) === stored.version)) return;
  throw new SluiceError(
    "precondition_failed",
    `If-Match does not name the project's present state, which is ${projectTag(stored.version)}. Read the project again, then apply.`,
  );
}

/** A checked flow as it will be stored, with the hash that tells whether it is another than before. */
export async function changeOf(flow: Omit<CheckedFlow, "secrets">): Promise<FlowChange> {
  const stored = JSON.stringify(flow.stored);
  return {
    name: flow.name,
    hash: await sha256Hex(stored),
    stored,
    alias: flow.alias,
    hasEndpoint: flow.hasEndpoint,
  };
}

interface Comparison {
  changes: FlowChange[];
  republish: ProjectChange["republish"];
  retired: string[];
  summary: ApplyResult["flows"];
}

/** What is new, changed or gone in comparison with what is stored. */
function compare(flows: readonly FlowChange[], present: readonly StoredFlow[], publish: boolean): Comparison {
  const known = new Map(present.map((flow) => [flow.name, flow]));
  const result: Comparison = {
    changes: [],
    republish: [],
    retired: [],
    summary: { created: [], updated: [], restored: [], retired: [], unchanged: 0 },
  };
  const { summary } = result;
  for (const flow of flows) {
    const stored = known.get(flow.name);
    const again = (version: number): void => {
      result.republish.push({ name: flow.name, version, alias: flow.alias, hasEndpoint: flow.hasEndpoint });
    };
    if (stored === undefined) {
      result.changes.push(flow);
      summary.created.push(flow.name);
    } else if (!publish) {
      if (flow.hash === (stored.draftHash ?? stored.currentHash) && stored.retiredAt === null)
        summary.unchanged += 1;
      else {
        result.changes.push(flow);
        summary.updated.push(flow.name);
      }
    } else if (flow.hash === stored.currentHash) {
      if (stored.retiredAt === null) summary.unchanged += 1;
      else {
        again(stored.currentVersion as number);
        summary.restored.push(flow.name);
      }
    } else if (flow.hash === stored.draftHash) {
      again(stored.draftVersion as number);
      (stored.retiredAt === null ? summary.updated : summary.restored).push(flow.name);
    } else {
      result.changes.push(flow);
      (stored.retiredAt === null ? summary.updated : summary.restored).push(flow.name);
    }
  }
  if (publish) {
    const named = new Set(flows.map(({ name }) => name));
    result.retired = present
      .filter((flow) => flow.retiredAt === null && !named.has(flow.name))
      .map(({ name }) => name);
    summary.retired = result.retired;
  }
  return result;
}
