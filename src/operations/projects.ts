import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { FlowDefinition, type FlowSource } from "../domain/flow";
import type { FlowState } from "../domain/flow-address";
import type { Plan } from "../engine/plan";
import { type ApplyServices, projectTag } from "./apply-project";
import { checkBundle } from "./check-bundle";
import type { FlowVersionSummary, StoredFlow, StoredProject } from "./ports";

/** A project as the one document that applies it. */
export interface ExportedProject {
  tag: string;
  updatedAt: number;
  bundle: Record<string, unknown> & { flows: FlowSource[] };
}

export async function requireProject(
  services: ApplyServices,
  environment: Environment,
  name: string,
): Promise<StoredProject> {
  const project = await services.projects.find(environment.id, name);
  if (project === undefined) throw new SluiceError("not_found", `There is no project "${name}".`);
  return project;
}

export async function requireFlow(
  services: ApplyServices,
  environment: Environment,
  projectName: string,
  flowName: string,
): Promise<{ project: StoredProject; flow: StoredFlow }> {
  const project = await requireProject(services, environment, projectName);
  const flow = (await services.projects.flows(environment.id, project.id)).find(
    ({ name }) => name === flowName,
  );
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
  return {
    tag: projectTag(project.version),
    updatedAt: project.updatedAt,
    bundle: {
      ...project.document,
      project: project.name,
      version: project.version,
      flows: flows.map(({ definition }) => definition),
    },
  };
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

/**
 * Makes a version (an earlier one, or the draft) the one that calls run. It must fit the project as it is now: the flows
 * that it calls must still be there, and its alias free.
 * @throws SluiceError not_found, invalid_bundle, conflict
 */
export async function setCurrentVersion(
  services: ApplyServices,
  environment: Environment,
  projectName: string,
  flowName: string,
  version: number,
): Promise<void> {
  const { project, flow } = await requireFlow(services, environment, projectName, flowName);
  const definition = await readVersion(services, environment, projectName, flowName, version);
  if (flow.retiredAt !== null) {
    throw new SluiceError(
      "conflict",
      `Flow "${flowName}" is retired: the last bundle no longer had it. Apply a bundle that has it.`,
    );
  }
  const present = await services.projects.definitions(environment.id, project.id, false);
  const others = present.map((stored) => stored.definition).filter((each) => each.flow !== flowName);
  const { problems } = checkBundle(
    { ...project.document, flows: [definition, ...others] },
    projectName,
    services.registry,
  );
  if (problems.length > 0) {
    throw new SluiceError(
      "invalid_bundle",
      `Version ${version} does not fit the project as it is now; nothing was changed.`,
      { problems },
    );
  }
  const { endpoint } = FlowDefinition.parse(definition);
  const alias = endpoint?.alias ?? null;
  const set = await services.projects.setCurrent(
    environment.id,
    flow.id,
    version,
    { alias, hasEndpoint: endpoint !== undefined },
    services.world.now(),
  );
  if (set.kind === "alias_taken")
    throw new SluiceError("conflict", `Another flow has the URL alias "${alias}" now; nothing was changed.`);
  await services.catalog.advance(environment.id, set.epoch);
}

export async function setFlowStatus(
  services: ApplyServices,
  environment: Environment,
  projectName: string,
  flowName: string,
  status: FlowState,
): Promise<void> {
  const { flow } = await requireFlow(services, environment, projectName, flowName);
  const { epoch } = await services.projects.setStatus(environment.id, flow.id, status, services.world.now());
  await services.catalog.advance(environment.id, epoch);
}

/** Plans of a project's endpoints, for its OpenAPI document. */
export async function projectEndpoints(
  services: ApplyServices,
  environment: Environment,
  name: string,
): Promise<{ project: StoredProject; plans: Plan[] }> {
  const project = await requireProject(services, environment, name);
  const flows = await services.projects.flows(environment.id, project.id);
  const plans: Plan[] = [];
  for (const flow of flows) {
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
    if (plan.endpoint !== undefined) plans.push(plan);
  }
  return { project, plans };
}
