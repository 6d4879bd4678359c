import rangeParser from "range-parser";
import { SluiceError } from "../../domain/errors";
import type { SiteFile } from "../../domain/site";
import { presentable } from "../../http/presentable";
import { requestId } from "../../http/request-id";
import { requestTarget } from "../../http/request-target";
import type { World } from "../../operations/ports";
import type { Visits } from "../../operations/sites/ports";
import { type SiteAnswer, type SiteServices, serveSite } from "../../operations/sites/serve-site";

/** Where visits are counted. */
export interface VisitServices {
  visits: Visits;
  world: Pick<World, "now">;
}

/** Types whose bytes are text, for which the character set is told. */
const TEXT = /^text\/|^application\/(?:json|javascript|xml)$|\+(?:json|xml)$/;

/**
 * Serves what the environment of the request's host has mapped there (contract, section 3: mapped websites and hosted
 * pages).
 * @returns `undefined` when nothing is mapped at the path, and another part of the Worker should say so
 */
export async function answerSiteCall(
  request: Request,
  services: SiteServices & VisitServices,
): Promise<Response | undefined> {
  const { host, path } = requestTarget(request.url);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  try {
    const environment = await services.catalog.environment(host);
    const found = await serveSite(services, environment, decoded);
    if (found === undefined) return undefined;
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(`A page is read with GET or HEAD, not ${request.method}.\n`, {
        status: 405,
        headers: { allow: "GET, HEAD", "content-type": "text/plain; charset=utf-8" },
      });
    }
    const response = await render(request, found);
    // What was shown is a visit, also what the browser had already; errors, redirects and a site's own 404 are none.
    if (response.ok || response.status === 304) {
      services.visits.count(environment.id, services.world.now());
    }
    return response;
  } catch (error) {
    // A host name of no environment shows nothing.
    if (error instanceof SluiceError && error.code === "not_found") return undefined;
    const id = requestId(request.headers);
    const { message } = presentable(error, request, id);
    return new Response(`${message}\n`, {
      status: error instanceof SluiceError ? 400 : 500,
      headers: { "content-type": "text/plain; charset=utf-8", "x-request-id": id },
    });
  }
}

async function render(request: Request, found: SiteAnswer): Promise<Response> {
  if (found.kind === "moved") {
    const { search } = new URL(request.url);
    return new Response(null, { status: 308, headers: { location: encodeURI(found.to) + search } });
  }
  if (found.kind === "missing") {
    return new Response(request.method === "HEAD" ? null : "There is no such page.\n", {
      status: 404,
      headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    });
  }
  const { file, status, maxAge } = found;
  const headers = fileHeaders(file, maxAge);
  if (status === 200 && isKnown(request.headers, file)) return new Response(null, { status: 304, headers });
  const range = status === 200 ? requestedRange(request, file) : undefined;
  if (range === "unsatisfiable") {
    headers.set("content-range", `bytes */${file.size}`);
    return new Response(null, { status: 416, headers });
  }
  const [start, end] = range ?? [0, file.size];
  headers.set("content-length", String(end - start));
  if (range !== undefined) headers.set("content-range", `bytes ${start}-${end - 1}/${file.size}`);
  const code = range === undefined ? status : 206;
  if (request.method === "HEAD") return new Response(null, { status: code, headers });
  const bytes = await found.read(start, end);
  // Replaced while it was being read: the next try finds the new one.
  if (bytes === undefined) {
    return new Response("The file was changed at this moment; ask again.\n", {
      status: 409,
      headers: { "content-type": "text/plain; charset=utf-8", "retry-after": "1" },
    });
  }
  return new Response(bytes as Uint8Array<ArrayBuffer>, { status: code, headers });
}

function fileHeaders(file: SiteFile, maxAge: number): Headers {
  const isText = TEXT.test(file.contentType);
  return new Headers({
    "content-type":
      isText && !/charset=/i.test(file.contentType) ? `${file.contentType}; charset=utf-8` : file.contentType,
    etag: `"${file.hash.slice(0, 32)}"`,
    "last-modified": new Date(file.updatedAt).toUTCString(),
    "accept-ranges": "bytes",
    "cache-control": maxAge > 0 ? `public, max-age=${maxAge}` : "no-cache",
    "x-content-type-options": "nosniff",
  });
}

/** RFC 9110, 13.2.2: entity tags first; the time only where there are none. */
function isKnown(headers: Headers, file: SiteFile): boolean {
  const tags = headers.get("if-none-match");
  if (tags !== null) {
    const own = `"${file.hash.slice(0, 32)}"`;
    return tags.split(",").some((tag) => tag.trim().replace(/^W\//, "") === own || tag.trim() === "*");
  }
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return !Number.isNaN(since) && Math.floor(file.updatedAt / 1_000) * 1_000 <= since;
}

/** The one range that is asked for; several, or one of another state of the file, get the whole (RFC 9110, 14.2). */
function requestedRange(request: Request, file: SiteFile): [number, number] | "unsatisfiable" | undefined {
  const header = request.headers.get("range");
  if (header === null || request.method !== "GET") return undefined;
  const condition = request.headers.get("if-range");
  if (condition !== null && condition !== `"${file.hash.slice(0, 32)}"`) return undefined;
  const ranges = rangeParser(file.size, header);
  if (ranges === -1) return "unsatisfiable";
  if (ranges === -2 || ranges.type !== "bytes" || ranges.length !== 1) return undefined;
  const [range] = ranges;
  return range === undefined ? undefined : [range.start, range.end + 1];
}
