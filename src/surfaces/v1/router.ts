import { SluiceError } from "../../domain/errors";
import type { V1Method, V1Route } from "./route";

interface Entry {
  route: V1Route;
  pattern: RegExp;
  names: readonly string[];
  /** Segments that are the same in every URL: the more, the sooner a route is asked. */
  fixed: number;
}

export interface Match {
  route: V1Route;
  path: Record<string, string | undefined>;
}

/** Finds the route of a path. Slashes at the end do not count, and segments are decoded after they were cut. */
export class V1Router {
  readonly #entries: readonly Entry[];

  constructor(routes: readonly V1Route[]) {
    this.#entries = routes.map(entryOf).sort((a, b) => b.fixed - a.fixed);
  }

  /** Methods at a path, HEAD and OPTIONS included; empty when there is nothing. */
  methods(path: string): string[] {
    const found = new Set<string>();
    for (const { route, pattern } of this.#entries) if (pattern.test(path)) found.add(route.method);
    if (found.size === 0) return [];
    return [...found, ...(found.has("GET") ? ["HEAD"] : []), "OPTIONS"];
  }

  /** @throws SluiceError not_found, method_not_allowed; invalid_request for broken percent-encoding */
  match(method: string, path: string): Match {
    const wanted = (method === "HEAD" ? "GET" : method) as V1Method;
    for (const { route, pattern, names } of this.#entries) {
      if (route.method !== wanted) continue;
      const found = pattern.exec(path);
      if (found === null) continue;
      return {
        route,
        path: Object.fromEntries(names.map((name, index) => [name, decodeSegment(found[index + 1])])),
      };
    }
    const allow = this.methods(path);
    if (allow.length === 0) {
      throw new SluiceError(
        "not_found",
        "There is nothing at this path; OPTIONS /v1/options lists what there is.",
      );
    }
    throw new SluiceError("method_not_allowed", `This path takes ${allow.join(", ")}.`, { allow });
  }
}

function entryOf(route: V1Route): Entry {
  const names: string[] = [];
  let fixed = 0;
  let source = "";
  for (const segment of route.path.slice(1).split("/")) {
    const parameter = /^\{(\w+)(\?)?\}$/.exec(segment);
    if (parameter === null) {
      fixed += 1;
      source += `/${segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`;
      continue;
    }
    const [, name = "", optional] = parameter;
    names.push(name);
    source += optional === undefined ? "/([^/]+)" : "(?:/([^/]+))?";
  }
  return { route, pattern: new RegExp(`^${source}/*$`), names, fixed };
}

function decodeSegment(segment: string | undefined): string | undefined {
  if (segment === undefined || !segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new SluiceError(
      "invalid_request",
      "The URL's path has broken percent-encoding: each % is followed by two hexadecimal digits, and the bytes are UTF-8.",
      {},
      { cause },
    );
  }
}
