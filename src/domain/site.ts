import { SluiceError } from "./errors";
import { MAX_FILE_PATH_CHARS } from "./limits";

/** Under which a hosted page's one file is kept; a website's files are kept under its slug, which has no colon. */
export function pageSite(name: string): string {
  return `page:${name}`;
}

/** Under which the files of a project's file manager are kept. */
export const FILE_MANAGER = "";

/** A file of a website, a hosted page or the file manager, without its bytes. */
export interface SiteFile {
  /** With slashes between segments, none at its ends; empty for the one file of a hosted page. */
  path: string;
  contentType: string;
  size: number;
  /** SHA-256 of its bytes. */
  hash: string;
  /** Milliseconds since 1970. */
  updatedAt: number;
}

/** Checks a file's path. @throws SluiceError invalid_request */
export function filePath(path: string): string {
  const reason = pathProblem(path);
  if (reason === undefined) return path;
  throw new SluiceError("invalid_request", `The file's path: ${reason}.`, {
    problems: [{ path: "path", reason }],
  });
}

function pathProblem(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (path.length > MAX_FILE_PATH_CHARS) {
    return `it has at most ${MAX_FILE_PATH_CHARS} characters (MAX_FILE_PATH_CHARS)`;
  }
  if (/[\\\p{Cc}]/u.test(path)) return "it has no \\ and no control characters";
  const segments = path.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return "its segments are neither empty nor . or ..";
  }
  return undefined;
}
