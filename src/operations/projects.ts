import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { FlowSource } from "../domain/flow";
import type { FlowState } from "../domain/flow-address";
import { RESOURCES } from "../domain/resource";
import type { Plan } from "../engine/plan";
import type { ApplyServices } from "./apply-project";
import { requireEdit } from "./edit-permission";
import type { FlowVersionSummary, StoredFlow, StoredProject, StoredResource } from "./ports";
import type { RecordRuns } from "./records/ports";

/** A project as the one document that applies it. */
export interface ExportedProject {
  version: number;
  updatedAt: number;
  bundle: Record<string, unknown> & { flows: FlowSource[] };
}

export async function requireProject(
  services: ApplyServices,
  environment: Environment,
  name: string,
): Promise<StoredProject> {
  const project = await services.projects.find(environment.id, name);
  if (project === undefined || project.removed)
    throw new SluiceError("not_found", `There is no project "${name}".`);
  return project;
}

export async function requireFlow(
  services: ApplyServices,
  environment: Environment,
  projectName: string,
  flowName: string,
): Promise<{ project: StoredProject; flow: StoredFlow }> {
  const project = await requireProject(services, environment, projectName);
  const flow = await services.projects.flow(environment.id, project.id, flowName);
  if (flow === undefined)
    throw new SluiceError("not_found", `There is no flow "${flowName}" in project "${projectName}".`);
  return { project, flow };
}

/** @param drafts drafts instead of current versions, where there are any */
export async function exportProject(
  services: ApplyServices,
  environment: Environment,
  name: string,
  drafts: boolean,
): Promise<ExportedProject> {
  const project = await requireProject(services, environment, name);
  const flows = await services.projects.definitions(environment.id, project.id, drafts);
  const resources = await services.projects.resources(environment.id, project.id);
  return {
    version: project.version,
    updatedAt: project.updatedAt,
    // `project` first: it is what a reader looks for.
    bundle: {
      project: project.name,
      version: project.version,
      ...project.document,
      ...resourceSections(resources),
      flows: flows.map(({ definition }) => definition),
    },
  };
}

/** Resources as the lists of a bundle, as they were written. */
export function resourceSections(resources: readonly StoredResource[]): Record<string, unknown[]> {
  const sections: Record<string, unknown[]> = {};
  for (const { kind, source } of resources) {
    const { section } = RESOURCES[kind];
    const list = sections[section] ?? [];
    list.push(source);
    sections[section] = list;
  }
  return sections;
}

export async function listVersions(
  services: ApplyServices,
  environment: Environment,
  projectName: string,
  flowName: string,
  limit: number,
  before: number | undefined,
): Promise<FlowVersionSummary[]> {
  const { flow } = await requireFlow(services, environment, projectName, flowName);
  return services.projects.versions(environment.id, flow.id, limit, before);
}

export async function readVersion(
  services: ApplyServices,
  environment: Environment,
  projectName: string,
  flowName: string,
  version: number,
): Promise<FlowSource> {
  const { flow } = await requireFlow(services, environment, projectName, flowName);
  const stored = await services.projects.definition(environment.id, flow.id, version);
  if (stored === undefined)
    throw new SluiceError("not_found", `Flow "${flowName}" has no version ${version}.`);
  return stored.definition;
}

export async function setFlowStatus(
  services: ApplyServices & { recordRuns: Pick<RecordRuns, "sweepNow"> },
  environment: Environment,
  projectName: string,
  flowName: string,
  status: FlowState,
  groups?: readonly string[] | undefined,
): Promise<void> {
  const { project, flow } = await requireFlow(services, environment, projectName, flowName);
  await requireEdit(services.projects, environment, project.id, groups, [flow.name]);
  if (flow.status === status) return;
  const { epoch } = await services.projects.setStatus(environment.id, flow.id, status, services.world.now());
  await services.catalog.advance(environment.id, epoch);
  // Data records may have waited for it.
  if (status === "running") await services.recordRuns.sweepNow(environment.id);
}

/** A flow's endpoint as its OpenAPI document tells of it; shapes as JSON Schemas. */
export interface DescribedEndpoint {
  flow: string;
  description: string | undefined;
  package: string | undefined;
  alias: string | undefined;
  anonymous: boolean;
  timeoutMs: number | undefined;
  query: Record<string, unknown> | undefined;
  body: Record<string, unknown> | undefined;
  bodyOptional: boolean;
  /** JSON path to the records that travel one by one. */
  records: string | undefined;
  /** Connected outputs, each with its records' schema. */
  outputs: Record<string, Record<string, unknown>>;
  /** Whether some node sets the answer itself, so that it may have any status, type and body. */
  ownAnswer: boolean;
}

export interface DescribedProject {
  name: string;
  description: string | null;
  version: number;
  endpoints: DescribedEndpoint[];
}

/** What a project's endpoints take and give. */
export async function projectEndpoints(
  services: ApplyServices,
  environment: Environment,
  name: string,
): Promise<DescribedProject> {
  const project = await requireProject(services, environment, name);
  const endpoints: DescribedEndpoint[] = [];
  for (const flow of await services.projects.flows(environment.id, project.id)) {
    if (flow.retiredAt !== null || flow.currentVersion === null) continue;
    const plan = await services.catalog.plan({
      environmentId: environment.id,
      projectId: project.id,
      project: name,
      flowId: flow.id,
      flow: flow.name,
      version: flow.currentVersion,
      status: flow.status,
    });
    if (plan.endpoint !== undefined) endpoints.push(describe(plan));
  }
  return { name, description: project.description, version: project.version, endpoints };
}

function describe(plan: Plan): DescribedEndpoint {
  const { definition, endpoint, inputShapes } = plan;
  const nodes = Object.values(definition.nodes);
  return {
    flow: plan.name,
    description: definition.description,
    package: definition.package,
    alias: endpoint?.alias,
    anonymous: endpoint?.anonymous === true,
    timeoutMs: plan.timeoutMs,
    query: inputShapes.query?.toJsonSchema(),
    body: inputShapes.body?.toJsonSchema(),
    bodyOptional: inputShapes.body?.optional === true,
    records: endpoint?.records,
    outputs: Object.fromEntries(
      plan.connected.map((output) => [output, plan.outputShapes.get(output)?.toJsonSchema() ?? {}]),
    ),
    // A flow that hands over to another lets that one answer.
    ownAnswer: nodes.some(
      (node) => node.type === "respond" || node.respond !== undefined || node.type === "flow",
    ),
  };
}
