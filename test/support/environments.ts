import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { call } from "./worker";

/** `/v1/environment` as its callers see it. For tests of the project "workerd". */

export interface WireEnvironment {
  id: string;
  status: string;
  [field: string]: unknown;
}

/** The data of an answer, or a failure with the server's own words. */
export async function data<T = WireEnvironment>(response: Response, status = 200): Promise<T> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${response.status} instead of ${status}: ${text}`);
  const parsed = JSON.parse(text) as { code: number; data: T };
  expect(parsed.code).toBe(status);
  return parsed.data;
}

/** What a refused request is told. */
export async function refused(response: Response, status: number): Promise<string> {
  const body = await response.json<{ id: string; error: { code: unknown; message: string } }>();
  expect([response.status, body.id]).toEqual([status, "error"]);
  return body.error.message;
}

/** The host name of an environment's APIs. */
export function hostOf(environment: WireEnvironment): string {
  return (environment.info as { api_url: string }).api_url;
}

/** Has the bytes in use counted again at once, and not after a minute. */
export async function recount(environmentId: string | number): Promise<void> {
  await env.DB.prepare("UPDATE environment_details SET measured_at = 0 WHERE environment_id = ?")
    .bind(Number(environmentId))
    .run();
}

/** Says that so many bytes are in use, and that they were counted just now. */
export async function pretendUse(environmentId: string | number, bytes: number): Promise<void> {
  await env.DB.prepare(
    "UPDATE environment_details SET used_bytes = ?, measured_at = ? WHERE environment_id = ?",
  )
    .bind(bytes, Date.now(), Number(environmentId))
    .run();
}

let made = 0;

/** Calls with an organization's key. */
export class EnvironmentCaller {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  send(method: string, path: string, body?: unknown, apiKey = this.#key): Promise<Response> {
    return call(`/v1/environment${path}`, {
      method,
      headers: { "content-type": "application/json", "x-apikey": apiKey },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  async read(id: string): Promise<WireEnvironment> {
    return data(await this.send("GET", `/${id}`));
  }

  async stats(id: string): Promise<Record<string, number>> {
    return (await this.read(id)).stats as Record<string, number>;
  }

  /** Waits for a state of an environment, and gives the states that were seen on the way. */
  async becomes(id: string, wanted: string): Promise<string[]> {
    const seen: string[] = [];
    for (let turn = 0; turn < 400; turn += 1) {
      const { status } = await data(await this.send("GET", `/${id}/status`));
      if (seen.at(-1) !== status) seen.push(status);
      if (status === wanted) return seen;
      await scheduler.wait(50);
    }
    throw new Error(`environment ${id} never became ${wanted}; it was ${seen.join(", ")}`);
  }

  /** A new environment that is ready. */
  async ready(order: Record<string, unknown> = {}): Promise<WireEnvironment> {
    made += 1;
    const created = await data(
      await this.send("POST", "", { name: `env-${made}`, package: "SS-A", region: "london", ...order }),
      201,
    );
    await this.becomes(created.id, "ready");
    return this.read(created.id);
  }
}
