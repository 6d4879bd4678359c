import type { Environment } from "../../domain/environment";
import { pageSite, type SiteFile } from "../../domain/site";
import type { WebsiteDefinition } from "../../domain/website";
import type { UrlMapping } from "../environments/ports";
import type { Catalog } from "../ports";
import type { SiteFiles, SiteMap } from "./ports";

export interface SiteServices {
  catalog: Catalog;
  siteFiles: SiteFiles;
  siteMap: SiteMap;
}

/** What a path of an environment's websites leads to. */
export type SiteAnswer =
  | {
      kind: "file";
      file: SiteFile;
      /** 404 for a website's own page about what it does not have. */
      status: 200 | 404;
      maxAge: number;
      read(start: number, end: number): Promise<Uint8Array | undefined>;
    }
  /** A folder without its slash, so that the relative links of its page hold. */
  | { kind: "moved"; to: string }
  /** A website is mapped there, and has no such file. */
  | { kind: "missing" };

/**
 * Finds what a website or hosted page of the environment has at a path.
 * @param path decoded, with its leading slash
 * @returns `undefined` when nothing is mapped there
 */
export async function serveSite(
  services: SiteServices,
  environment: Environment,
  path: string,
): Promise<SiteAnswer | undefined> {
  const mapping = longest(await services.siteMap.mappings(environment.id), path);
  if (mapping === undefined) return undefined;
  if (`${path}/` === mapping.url) return { kind: "moved", to: mapping.url };
  return lookUp(services, environment, mapping, path.slice(mapping.url.length));
}

/** The mapping with the longest URL that the path is under. */
function longest(mappings: readonly UrlMapping[], path: string): UrlMapping | undefined {
  let best: UrlMapping | undefined;
  for (const mapping of mappings) {
    if (!path.startsWith(mapping.url) && `${path}/` !== mapping.url) continue;
    if (best === undefined || mapping.url.length > best.url.length) best = mapping;
  }
  return best;
}

async function lookUp(
  { catalog, siteFiles }: SiteServices,
  environment: Environment,
  mapping: UrlMapping,
  rest: string,
): Promise<SiteAnswer> {
  const { projectId } = mapping;
  const site = mapping.type === "hostedpage" ? pageSite(mapping.name) : mapping.name;
  const find = (path: string) => siteFiles.find(environment.id, projectId, site, path);
  const answer = (file: SiteFile, status: 200 | 404, maxAge: number): SiteAnswer => ({
    kind: "file",
    file,
    status,
    maxAge,
    read: (start, end) => siteFiles.read(environment.id, projectId, site, file, start, end),
  });
  if (mapping.type === "hostedpage") {
    const page = rest === "" ? await find("") : undefined;
    return page === undefined ? { kind: "missing" } : answer(page, 200, 0);
  }
  const website = await catalog.resource(environment.id, "website", mapping.name);
  if (website === undefined || website.projectId !== projectId) return { kind: "missing" };
  const definition: WebsiteDefinition = website.definition;
  const { index, fallback, notFound, maxAge } = definition;
  const file = await find(rest === "" || rest.endsWith("/") ? `${rest}${index}` : rest);
  if (file !== undefined) return answer(file, 200, maxAge);
  if (rest !== "" && !rest.endsWith("/") && (await find(`${rest}/${index}`)) !== undefined) {
    return { kind: "moved", to: `${mapping.url}${rest}/` };
  }
  const instead = fallback === undefined ? undefined : await find(fallback);
  if (instead !== undefined) return answer(instead, 200, 0);
  const own = notFound === undefined ? undefined : await find(notFound);
  return own === undefined ? { kind: "missing" } : answer(own, 404, 0);
}
