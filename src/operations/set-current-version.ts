import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { type ApplyServices, ATTEMPTS, changeOf } from "./apply-project";
import { checkBundle } from "./check-bundle";
import { requireEdit } from "./edit-permission";
import type { FlowChange, ProjectChange } from "./ports";
import { requireFlow, resourceSections } from "./projects";
import { missingSecrets } from "./secrets";

export interface SetCurrentRequest {
  environment: Environment;
  project: string;
  flow: string;
  version: number;
  by: string;
  /** Groups of the user who asks; `undefined` for administrators of the deployment, and for surfaces with rules of their own. */
  groups?: readonly string[] | undefined;
}

/**
 * Makes a version (an earlier one, or the draft) the one that calls run, as if a bundle with it had been applied: it must
 * fit the project as it is now, and flows that call it are brought up to date with it.
 * @returns the version that is current now: another than asked for when what it calls has changed since
 * @throws SluiceError not_found, invalid_bundle, conflict
 */
export async function setCurrentVersion(
  services: ApplyServices,
  request: SetCurrentRequest,
): Promise<number> {
  const { environment, version, by } = request;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const { project, flow } = await requireFlow(services, environment, request.project, request.flow);
    if (flow.currentVersion === version && flow.retiredAt === null) return version;
    const wanted = await services.projects.definition(environment.id, flow.id, version);
    if (wanted === undefined) {
      throw new SluiceError("not_found", `Flow "${flow.name}" has no version ${version}.`);
    }
    if (flow.retiredAt !== null) {
      throw new SluiceError(
        "conflict",
        `Flow "${flow.name}" is retired: the last bundle no longer had it. Apply a bundle that has it.`,
      );
    }
    await requireEdit(services.projects, environment, project.id, request.groups, [flow.name]);
    const present = await services.projects.definitions(environment.id, project.id, false);
    const others = present.map(({ definition }) => definition).filter((each) => each.flow !== flow.name);
    const resources = await services.projects.resources(environment.id, project.id);
    const { flows, problems } = checkBundle(
      { ...project.document, ...resourceSections(resources), flows: [wanted.definition, ...others] },
      project.name,
      services,
    );
    const named = flows.find(({ name }) => name === flow.name)?.secrets ?? [];
    problems.push(...(await missingSecrets(services.secretNames, environment.id, named)));
    if (problems.length > 0) {
      throw new SluiceError(
        "invalid_bundle",
        `Version ${version} does not fit the project as it is now; nothing was changed.`,
        { problems },
      );
    }

    const hashes = new Map(
      (await services.projects.flows(environment.id, project.id)).map((each) => [
        each.name,
        each.currentHash,
      ]),
    );
    const wantedHash = (await changeOf({ name: flow.name, stored: wanted, alias: null, hasEndpoint: false }))
      .hash;
    const changes: FlowChange[] = [];
    const republish: ProjectChange["republish"] = [];
    for (const change of await Promise.all(flows.map(changeOf))) {
      const { name, hash, alias, hasEndpoint } = change;
      if (name === flow.name && hash === wantedHash) republish.push({ name, version, alias, hasEndpoint });
      else if (name === flow.name || hash !== hashes.get(name)) changes.push(change);
    }
    const applied = await services.projects.apply({
      environmentId: environment.id,
      name: project.name,
      description: project.description,
      from: project.version,
      document: JSON.stringify(project.document),
      summary: JSON.stringify({ current: { flow: flow.name, version } }),
      publish: true,
      by,
      at: services.world.now(),
      flows: changes,
      republish,
      retired: [],
      resources: [],
      removedResources: [],
      statements: [],
    });
    if (applied.kind === "applied") {
      await services.catalog.advance(environment.id, applied.epoch);
      return republish.length > 0 ? version : flow.lastVersion + 1;
    }
    if (applied.kind === "alias_taken") {
      throw new SluiceError("conflict", "Another flow has the version's URL alias now; nothing was changed.");
    }
  }
  throw new SluiceError(
    "conflict",
    "The project was changed by others at the same moment, again and again; nothing was changed. Try again.",
  );
}
