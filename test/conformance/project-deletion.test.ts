import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { INBOX_SHARDS, inboxName, inboxShardFor } from "../../src/domain/delivery";
import { sha256Hex } from "../../src/domain/digest";
import { data, EnvironmentCaller, hostOf, type WireEnvironment } from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/*
 * What is left in objects of a project that was deleted from an environment: none of the deliveries that its webhooks
 * took, those too whose runs were to be started.
 */

let caller: EnvironmentCaller;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
});

async function succeeded(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response;
}

class Hosting {
  readonly id: string;
  readonly #host: string;
  readonly #own: Record<string, string>;

  constructor(environment: WireEnvironment) {
    this.id = environment.id;
    this.#host = hostOf(environment);
    this.#own = { "x-environment": this.id };
  }

  static async begin(): Promise<Hosting> {
    return new Hosting(await caller.ready());
  }

  /** A project with webhooks of these names. */
  async apply(project: string, webhooks: string[]): Promise<void> {
    const bundle = {
      flows: [returning("take", "one")],
      webhooks: webhooks.map((webhook) => ({ webhook, flow: "take" })),
    };
    await succeeded(admin("PUT", `/projects/${project}`, bundle, this.#own));
  }

  async delete(project: string): Promise<void> {
    const listed = await data<Record<string, string>[]>(await caller.send("GET", `/${this.id}/projects`));
    const id = listed.find(({ name }) => name === project)?.id;
    await data(await caller.send("DELETE", `/${this.id}/project/${id}`));
  }

  /** @returns the status of the answer */
  async deliver(webhook: string, key: string): Promise<number> {
    const headers = { "content-type": "text/plain", "idempotency-key": key };
    return (await call(`/v1/webhook/${webhook}`, { method: "POST", headers, body: `of ${key}` }, this.#host))
      .status;
  }

  /** Deliveries that all inboxes of a webhook keep, and parts of bodies. */
  async kept(webhook: string): Promise<[deliveries: number, parts: number]> {
    let [deliveries, parts] = [0, 0];
    for (let shard = 0; shard < INBOX_SHARDS; shard += 1) {
      await runInDurableObject(this.inbox(webhook, shard), (_object, { storage }) => {
        const count = (table: string) => storage.sql.exec(`SELECT count(*) AS n FROM ${table}`).one().n;
        deliveries += count("deliveries") as number;
        parts += count("parts") as number;
      });
    }
    return [deliveries, parts];
  }

  inbox(webhook: string, shard: number) {
    return env.WEBHOOK_INBOX.getByName(inboxName(Number(this.id), webhook, shard));
  }

  /** Has a webhook's inboxes tell the database now what they keep. */
  async tell(webhook: string): Promise<void> {
    for (let shard = 0; shard < INBOX_SHARDS; shard += 1) {
      await runInDurableObject(this.inbox(webhook, shard), async (object, { storage }) => {
        storage.sql.exec("UPDATE usage SET due = 0 WHERE due IS NOT NULL");
        await object.alarm();
      });
    }
  }

  /** Bytes that inboxes of the environment told of. */
  async told(): Promise<number> {
    const row = await env.DB.prepare(
      "SELECT coalesce(sum(bytes), 0) AS bytes FROM object_storage WHERE environment_id = ? AND kind = 'webhook'",
    )
      .bind(Number(this.id))
      .first<{ bytes: number }>();
    return row?.bytes ?? -1;
  }
}

/** Keys of deliveries, one for each shard of a webhook. */
async function keysOfAllShards(): Promise<string[]> {
  const keys = new Map<number, string>();
  for (let n = 0; keys.size < INBOX_SHARDS; n += 1) {
    const key = `delivery-${n}`;
    keys.set(inboxShardFor(await sha256Hex(`id:${key}`), Math.random), key);
  }
  return [...keys.values()];
}

describe("a project that is deleted from an environment", () => {
  it("takes its webhooks' deliveries along, out of every object, and leaves those of other projects", async () => {
    const hosting = await Hosting.begin();
    await hosting.apply("leaving", ["incoming"]);
    await hosting.apply("staying", ["standing"]);
    const keys = await keysOfAllShards();
    for (const key of keys) {
      expect(await hosting.deliver("incoming", key)).toBe(201);
      expect(await hosting.deliver("standing", key)).toBe(201);
    }
    expect(await hosting.kept("incoming")).toEqual([INBOX_SHARDS, INBOX_SHARDS]);
    await hosting.tell("incoming");
    await hosting.tell("standing");
    const before = await hosting.told();

    await hosting.delete("leaving");
    expect(await hosting.kept("incoming")).toEqual([0, 0]);
    expect(await hosting.kept("standing")).toEqual([INBOX_SHARDS, INBOX_SHARDS]);
    // What they took counts no longer.
    await hosting.tell("incoming");
    expect(await hosting.told()).toBe(before / 2);
    expect(await hosting.deliver("incoming", "late")).toBe(404);

    // Added again it begins anew: nothing is listed, and what came before is no repetition.
    await hosting.apply("leaving", ["incoming"]);
    const path = "/webhooks/incoming/deliveries";
    const listed = async () =>
      (await succeeded(admin("GET", path, undefined, { "x-environment": hosting.id }))).json<{
        deliveries: unknown[];
      }>();
    expect((await listed()).deliveries).toEqual([]);
    for (const key of keys) expect(await hosting.deliver("incoming", key)).toBe(201);
    expect(await hosting.deliver("standing", keys[0] as string)).toBe(200);
    expect((await listed()).deliveries).toHaveLength(INBOX_SHARDS);
  });

  it("takes deliveries along of webhooks that it had before, and leaves what another project took by the same name", async () => {
    const hosting = await Hosting.begin();
    await hosting.apply("leaving", ["passed-on"]);
    const [first, second] = (await keysOfAllShards()) as [string, string];
    expect(await hosting.deliver("passed-on", first)).toBe(201);
    await hosting.tell("passed-on");
    // A webhook that is dropped keeps its deliveries: they belong to its name.
    await hosting.apply("leaving", []);
    expect(await hosting.kept("passed-on")).toEqual([1, 1]);
    await hosting.apply("heir", ["passed-on"]);
    expect(await hosting.deliver("passed-on", second)).toBe(201);

    await hosting.delete("leaving");
    expect(await hosting.kept("passed-on")).toEqual([1, 1]);
    expect(await hosting.deliver("passed-on", second)).toBe(200);
    expect(await hosting.deliver("passed-on", first)).toBe(201);
  });

  it("starts no run of a delivery that still waited", async () => {
    const hosting = await Hosting.begin();
    await hosting.apply("leaving", ["incoming"]);
    const own = { "x-environment": hosting.id };
    await succeeded(admin("PUT", "/projects/leaving/flows/take/status", { status: "paused" }, own));
    expect(await hosting.deliver("incoming", "waits")).toBe(201);
    await hosting.delete("leaving");
    expect(await hosting.kept("incoming")).toEqual([0, 0]);
    await hosting.apply("leaving", ["incoming"]);
    await hosting.tell("incoming");
    await scheduler.wait(500);
    const runs = await succeeded(admin("GET", "/runs", undefined, own));
    expect(await runs.json()).toMatchObject({ runs: [] });
  });

  it("has what came too late, or could not be reached, ended by the next optimization", async () => {
    const hosting = await Hosting.begin();
    await hosting.apply("leaving", ["incoming"]);
    const [key] = (await keysOfAllShards()) as [string];
    expect(await hosting.deliver("incoming", key)).toBe(201);
    await hosting.tell("incoming");
    // As it is left by a deletion that died before it asked the inboxes.
    await env.DB.prepare("UPDATE projects SET removed_at = 1 WHERE environment_id = ? AND name = 'leaving'")
      .bind(Number(hosting.id))
      .run();
    expect(await hosting.kept("incoming")).toEqual([1, 1]);
    await data(await caller.send("POST", `/${hosting.id}/optimize`));
    await caller.becomes(hosting.id, "ready");
    expect(await hosting.kept("incoming")).toEqual([0, 0]);
  });
});
