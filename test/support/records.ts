import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { keyHeaders, type V1Credentials, v1 } from "./v1";
import { admin } from "./worker";

/** Data records as callers of the v1 API see them. For tests of the project "workerd". */

export interface Envelope<R = Record<string, unknown>> {
  id: string;
  code: number;
  "request-ip": string;
  resource: R;
  message: string;
  error: {
    code: number;
    message: string;
    errors?: { path: string; reason: string }[];
    limit?: string;
  } | null;
}

export interface ReadRecord {
  info: Record<string, string>;
  data_record: unknown;
  flow_process: Record<string, unknown> & { current_step: { type: string; text: string } };
  flow_objects_info: {
    name: string;
    type: string;
    status: string;
    date_started: string;
    date_finished: string;
  }[];
}

/** The flows that tests of records run: project "records". */
export const FLOWS = [
  {
    flow: "work",
    outputs: { done: "any" },
    start: "total",
    nodes: {
      total: { type: "calculate", set: { total: "=item.amount * 2" }, results: { ok: "done" } },
      done: { type: "output", to: "done" },
    },
  },
  {
    flow: "target",
    outputs: { moved: "any" },
    start: "moved",
    nodes: { moved: { type: "output", to: "moved" } },
  },
  {
    // Fails for as long as the item says so.
    flow: "failing",
    outputs: { done: "any" },
    start: "first",
    nodes: {
      first: { type: "calculate", set: { chance: "=$random()" }, results: { ok: "check" } },
      check: {
        type: "calculate",
        set: { checked: "=input.json.fail ? $error('the record says so') : true" },
        results: { ok: "done" },
      },
      done: { type: "output", to: "done" },
    },
  },
  {
    flow: "slow",
    outputs: { done: "any" },
    start: "wait",
    nodes: { wait: { type: "delay", for: "1h", next: "done" }, done: { type: "output", to: "done" } },
  },
  { flow: "cheap", start: "done", nodes: { done: { type: "debug" } } },
];

export async function applyFlows(more: Record<string, unknown> = {}): Promise<Map<string, string>> {
  const applied = await admin("PUT", "/projects/records", { flows: FLOWS, ...more });
  if (!applied.ok) throw new Error(`${applied.status}: ${await applied.text()}`);
  const { results } = await env.DB.prepare("SELECT id, name FROM flows").all<{ id: number; name: string }>();
  return new Map(results.map(({ id, name }) => [name, String(id)]));
}

export async function envelope<R = Record<string, unknown>>(
  response: Response | Promise<Response>,
  status?: number,
): Promise<Envelope<R>> {
  const answered = await response;
  const text = await answered.text();
  if (status !== undefined && answered.status !== status) {
    throw new Error(`expected ${status}, was answered ${answered.status}: ${text}`);
  }
  return JSON.parse(text) as Envelope<R>;
}

/** Calls with the headers of the form without OAuth. */
export function caller(credentials: V1Credentials) {
  const headers = keyHeaders(credentials);
  const call = (method: string, path: string, more: Record<string, string> = {}, body?: unknown) =>
    v1(method, path, { ...headers, ...more }, body);
  return {
    call,
    async insert(flow: string, body: unknown, more: Record<string, string> = {}): Promise<string> {
      const { resource } = await envelope<{ data_record_id: string }>(
        call("POST", "/record", { "x-flow": flow, ...more }, body),
        201,
      );
      return resource.data_record_id;
    },
    async read(uuid: string): Promise<ReadRecord> {
      return (await envelope<ReadRecord>(call("GET", "/record", { "x-uuid": uuid }), 200)).resource;
    },
    async search(
      more: Record<string, string>,
    ): Promise<{ records: Record<string, string>[]; total: number }> {
      const found = await envelope<{ records: Record<string, string>[]; total: number }>(
        call("GET", "/record/search", more),
        200,
      );
      return found.resource;
    },
    /** Waits until a search finds the record in a status. */
    async until(uuid: string, ...statuses: string[]): Promise<Record<string, string>> {
      return vi.waitFor(
        async () => {
          const { records } = await this.search({ "x-uuid": uuid });
          const [record] = records;
          if (record === undefined || !statuses.includes(record.flow_status as string)) {
            throw new Error(`the record is ${JSON.stringify(record)}`);
          }
          return record;
        },
        { timeout: 10_000, interval: 50 },
      );
    },
  };
}
