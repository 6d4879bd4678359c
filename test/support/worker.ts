import { env, exports } from "cloudflare:workers";

/** The Worker as outsiders see it: over HTTP alone. For tests of the project "workerd". */

export const ORIGIN = "http://sluice.test";

/** @param host another host name than the usual one */
export function call(path: string, init: RequestInit = {}, host?: string): Promise<Response> {
  const origin = host === undefined ? ORIGIN : `http://${host}`;
  return exports.default.fetch(`${origin}${path}`, { redirect: "manual", ...init });
}

/** A call of the action API, by path behind `/phixflow/api/1/action/`. */
export function trigger(path: string, init: RequestInit = {}): Promise<Response> {
  return call(`/phixflow/api/1/action/${path}`, init);
}

/** POST of JSON to an endpoint. */
export function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return trigger(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** A call of the management API with the administrator's token; a body that is no text goes as JSON. */
export function admin(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return call(`/admin/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${env.ADMIN_TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

/** Applies a bundle, and fails with the server's own words when it is refused. */
export async function apply(project: string, flows: readonly unknown[], query = ""): Promise<Response> {
  const response = await admin("PUT", `/projects/${encodeURIComponent(project)}${query}`, { flows });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}

/** A flow with an anonymous endpoint whose one output `out` gets `value`. */
export function returning(flow: string, value: unknown, more: Record<string, unknown> = {}): object {
  const { endpoint, ...rest } = more;
  return {
    flow,
    endpoint: { anonymous: true, ...(endpoint as object | undefined) },
    outputs: { out: "any" },
    start: "out",
    nodes: { out: { type: "output", to: "out", value } },
    ...rest,
  };
}

/** A flow with an anonymous endpoint that sets the fixed output attributes. */
export function responding(flow: string, response: Record<string, unknown>, more: object = {}): object {
  return {
    flow,
    endpoint: { anonymous: true },
    start: "answer",
    nodes: { answer: { type: "respond", ...response } },
    ...more,
  };
}
