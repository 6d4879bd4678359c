import { digestHex } from "../../domain/digest";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { MAX_FILE_BYTES, MAX_PROJECT_FILES } from "../../domain/limits";
import { FILE_MANAGER, filePath, pageSite, type SiteFile } from "../../domain/site";
import type { ApplyServices } from "../apply-project";
import type { EnvironmentStore } from "../environments/ports";
import { requireRoom, type StorageRoom } from "../environments/storage-room";
import { requireProject } from "../projects";
import type { SiteFiles } from "./ports";

export interface FileServices extends ApplyServices {
  siteFiles: SiteFiles;
  /** Where the environment's URLs lead. */
  environments: Pick<EnvironmentStore, "mappings">;
  room: StorageRoom;
}

/** Where a file is: in a website of a project, a hosted page, or the project's file manager. */
export type FilePlace =
  | { kind: "website"; website: string; path: string }
  | { kind: "page"; page: string }
  | { kind: "file"; path: string };

interface Located {
  projectId: number;
  site: string;
  path: string;
}

/** @throws SluiceError not_found, invalid_request */
async function locate(
  services: FileServices,
  environment: Environment,
  projectName: string,
  place: FilePlace,
): Promise<Located> {
  const { id: projectId } = await requireProject(services, environment, projectName);
  if (place.kind === "page") {
    if (place.page === "" || place.page.length > 100 || /[\p{Cc}/\\]/u.test(place.page)) {
      throw new SluiceError("invalid_request", "A page's name has 1 to 100 characters, without / and \\.");
    }
    return { projectId, site: pageSite(place.page), path: "" };
  }
  if (place.kind === "file") return { projectId, site: FILE_MANAGER, path: filePath(place.path) };
  await requireWebsite(services, environment, projectId, place.website);
  return { projectId, site: place.website, path: filePath(place.path) };
}

async function requireWebsite(
  { catalog }: FileServices,
  environment: Environment,
  projectId: number,
  name: string,
): Promise<void> {
  const website = await catalog.resource(environment.id, "website", name);
  if (website?.projectId === projectId) return;
  throw new SluiceError(
    "not_found",
    `The project has no website "${name}"; declare it in the bundle, under \`websites\`.`,
  );
}

/** URLs that show a hosted page: those that are mapped to it, in order. None until one is. */
async function urlsOf(
  { environments }: FileServices,
  environment: Environment,
  projectId: number,
  page: string,
): Promise<string[]> {
  return (await environments.mappings(environment.id))
    .filter(
      ({ type, ...mapping }) =>
        type === "hostedpage" && mapping.projectId === projectId && mapping.name === page,
    )
    .map(({ url }) => url);
}

/**
 * Stores a file; one of the same path is replaced.
 * @returns whether it is new; of a hosted page also the URLs that show it
 */
export async function putFile(
  services: FileServices,
  environment: Environment,
  project: string,
  place: FilePlace,
  content: { bytes: Uint8Array; contentType: string },
): Promise<{ file: SiteFile; isNew: boolean; urls: string[] | undefined }> {
  const { projectId, site, path } = await locate(services, environment, project, place);
  const { bytes, contentType } = content;
  if (bytes.length > MAX_FILE_BYTES) {
    throw new SluiceError(
      "payload_too_large",
      `A file has at most ${MAX_FILE_BYTES} bytes (MAX_FILE_BYTES).`,
      {
        limit: "MAX_FILE_BYTES",
      },
    );
  }
  await requireRoom(services.room, environment.id);
  const present = await services.siteFiles.find(environment.id, projectId, site, path);
  if (
    present === undefined &&
    (await services.siteFiles.count(environment.id, projectId)) >= MAX_PROJECT_FILES
  ) {
    throw new SluiceError(
      "conflict",
      `A project has at most ${MAX_PROJECT_FILES} files (MAX_PROJECT_FILES); delete some first.`,
      { limit: "MAX_PROJECT_FILES" },
    );
  }
  const file: SiteFile = {
    path,
    contentType,
    size: bytes.length,
    hash: await digestHex(bytes),
    updatedAt: services.world.now(),
  };
  await services.siteFiles.put(environment.id, projectId, site, file, bytes);
  const urls = place.kind === "page" ? await urlsOf(services, environment, projectId, place.page) : undefined;
  return { file, isNew: present === undefined, urls };
}

/** @throws SluiceError not_found */
export async function readFile(
  services: FileServices,
  environment: Environment,
  project: string,
  place: FilePlace,
): Promise<{ file: SiteFile; bytes: Uint8Array }> {
  const { projectId, site, path } = await locate(services, environment, project, place);
  const file = await services.siteFiles.find(environment.id, projectId, site, path);
  const bytes = file && (await services.siteFiles.read(environment.id, projectId, site, file, 0, file.size));
  if (file === undefined || bytes === undefined) throw noFile();
  return { file, bytes };
}

/** @throws SluiceError not_found */
export async function removeFile(
  services: FileServices,
  environment: Environment,
  project: string,
  place: FilePlace,
): Promise<void> {
  const { projectId, site, path } = await locate(services, environment, project, place);
  if (!(await services.siteFiles.remove(environment.id, projectId, site, path))) throw noFile();
}

/** Files of a website, or of the file manager, by path. */
export async function listFiles(
  services: FileServices,
  environment: Environment,
  project: string,
  website: string | undefined,
  limit: number,
  after: string | undefined,
): Promise<{ files: SiteFile[]; next: string | null }> {
  const { id } = await requireProject(services, environment, project);
  if (website !== undefined) await requireWebsite(services, environment, id, website);
  const files = await services.siteFiles.list(environment.id, id, website ?? FILE_MANAGER, limit + 1, after);
  const page = files.slice(0, limit);
  return { files: page, next: files.length > limit ? (page.at(-1)?.path ?? null) : null };
}

function noFile(): SluiceError {
  return new SluiceError("not_found", "There is no such file.");
}
