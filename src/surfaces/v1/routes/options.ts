import { defineV1Route, ok, type V1Route } from "../route";

/** Helper to get the list of methods (seed): by OPTIONS, and by GET for those who cannot send that. */
export function optionsRoute(routes: () => readonly V1Route[]): V1Route {
  return defineV1Route({
    method: "GET",
    path: "/v1/options",
    summary: "List the methods of this API",
    tag: "v1: authentication",
    authority: "none",
    body: "none",
    handle: async () =>
      ok(
        routes().map(({ method, path, summary }) => ({ method, endpoint: path, usage: summary })),
        "The methods of the API",
        { headers: { allow: "GET, HEAD, OPTIONS" } },
      ),
  });
}
