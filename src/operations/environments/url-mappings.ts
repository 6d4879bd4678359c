import type { UrlMappings, UrlRemovals } from "../../domain/environment-life";
import { type Problem, SluiceError } from "../../domain/errors";
import { pageSite } from "../../domain/site";
import type { SiteFiles, SiteMap } from "../sites/ports";
import type { EnvironmentServices } from "./environments";
import type { HostedProject, StoredEnvironment, UrlMapping } from "./ports";

export interface MappingServices extends EnvironmentServices {
  siteFiles: SiteFiles;
  siteMap: SiteMap;
}

/** A mapping as it is told of: the project by the id that environments name it by. */
export type DescribedMapping = UrlMapping;

export async function listMappings(
  services: MappingServices,
  environment: StoredEnvironment,
): Promise<DescribedMapping[]> {
  const projects = await services.environments.projects(environment.id);
  const ids = new Map(projects.map(({ rowId, id }) => [rowId, id]));
  const mappings = await services.environments.mappings(environment.id);
  return mappings.flatMap((mapping) => {
    const projectId = ids.get(mapping.projectId);
    return projectId === undefined ? [] : [{ ...mapping, projectId }];
  });
}

/** Adds mappings, or changes those of the same URL: all or none. @throws SluiceError invalid_request */
export async function putMappings(
  services: MappingServices,
  environment: StoredEnvironment,
  mappings: UrlMappings,
): Promise<void> {
  const projects = await services.environments.projects(environment.id);
  const problems: Problem[] = [];
  const now = services.world.now();
  const rows: UrlMapping[] = [];
  const urls = new Set<string>();
  for (const [index, { project_id, url, name, type }] of mappings.entries()) {
    const project = projects.find(({ id }) => id === project_id);
    if (urls.has(url)) problems.push({ path: `${index}.url`, reason: `the URL ${url} is there twice` });
    urls.add(url);
    if (project === undefined) {
      problems.push({
        path: `${index}.project_id`,
        reason: `the environment hosts no project ${project_id}`,
      });
    } else if (!(await exists(services, environment, project, name, type))) {
      const what = type === "website" ? "website" : "hosted page";
      problems.push({ path: `${index}.name`, reason: `the project has no ${what} "${name}"` });
    } else {
      rows.push({ url, name, type, projectId: project.rowId, createdAt: now, updatedAt: now });
    }
  }
  if (problems.length > 0) throw invalid(problems);
  await services.environments.putMappings(environment.id, rows);
  services.siteMap.forget(environment.id);
}

async function exists(
  services: MappingServices,
  environment: StoredEnvironment,
  project: HostedProject,
  name: string,
  type: UrlMapping["type"],
): Promise<boolean> {
  if (type === "hostedpage") {
    return (await services.siteFiles.find(environment.id, project.rowId, pageSite(name), "")) !== undefined;
  }
  const website = await services.catalog.resource(environment.id, "website", name);
  return website?.projectId === project.rowId;
}

/** @throws SluiceError not_found when none of them is there */
export async function removeMappings(
  services: MappingServices,
  environment: StoredEnvironment,
  removals: UrlRemovals,
): Promise<void> {
  const projects = await services.environments.projects(environment.id);
  const rows = removals.flatMap(({ project_id, url, type }) => {
    const project = projects.find(({ id }) => id === project_id);
    return project === undefined ? [] : [{ url, type, projectId: project.rowId }];
  });
  const removed = await services.environments.removeMappings(environment.id, rows);
  services.siteMap.forget(environment.id);
  if (removed === 0) {
    throw new SluiceError("not_found", "The environment has no mapping of such a URL, project and type.");
  }
}

function invalid(problems: Problem[]): SluiceError {
  const [first] = problems as [Problem];
  return new SluiceError("invalid_request", `${first.path}: ${first.reason}.`, { problems });
}
