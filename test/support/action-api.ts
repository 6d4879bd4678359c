import { env, exports } from "cloudflare:workers";
import type { FlowSource } from "../../src/domain/flow";

/** The Worker as the outside sees it: applies flows with the administrator's token and calls their endpoints. */

const BASE = "http://sluice.test";

function fetchWorker(url: string, init?: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(url, init));
}

export function admin(method: string, path: string, body?: unknown): Promise<Response> {
  return fetchWorker(`${BASE}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Applies flows as a project, and fails with what was wrong with them. */
export async function applyFlows(project: string, flows: FlowSource[]): Promise<void> {
  const response = await admin("PUT", `/projects/${encodeURIComponent(project)}`, {
    sluice: 1,
    project,
    flows,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the flows were refused: ${text}`);
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

/** Calls an endpoint, or polls one of its runs. */
export async function trigger(
  project: string,
  flow: string,
  { query = "", poll, ...init }: RequestInit & { query?: string; poll?: string } = {},
): Promise<Answer> {
  const path = `${encodeURIComponent(project)}/${encodeURIComponent(flow)}`;
  const verb = poll === undefined ? "trigger" : `poll/${encodeURIComponent(poll)}`;
  const response = await fetchWorker(`${BASE}/phixflow/api/1/action/${path}/${verb}${query}`, init);
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: type.includes("json") ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}

export function postJson(body: unknown): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}
