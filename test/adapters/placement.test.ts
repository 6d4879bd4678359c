import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { LOCATION_HINTS, Placement } from "../../src/adapters/durable/placement";
import type { Bindings } from "../../src/bindings";
import { REGION_NAMES, type Region } from "../../src/domain/environment-life";
import { servicesOf } from "../../src/services";
import { EnvironmentCaller } from "../support/environments";
import { issueApiKey } from "../support/v1";

/** Objects of an environment are made where its region is: the hint is passed, which is all that Cloudflare lets one do. */

/** Hints that Cloudflare knows (Durable Objects: data location). */
const KNOWN = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"];

interface Asked {
  name: string;
  hint: string | undefined;
}

/** A namespace whose objects are never reached; it notes what it was asked for. */
function noting(asked: Asked[]): DurableObjectNamespace {
  return {
    getByName(name: string, options?: { locationHint?: string }) {
      asked.push({ name, hint: options?.locationHint });
      return { hello: async (whom: string) => `${name} greets ${whom}` };
    },
  } as unknown as DurableObjectNamespace;
}

interface Greeting {
  hello(whom: string): Promise<string>;
}

const greet = (placement: Placement, namespace: DurableObjectNamespace, name: string) =>
  (placement.of(namespace).getByName(name) as unknown as Greeting).hello("you");

describe("the placement of objects", () => {
  it("knows a hint for every region", () => {
    expect(Object.keys(LOCATION_HINTS)).toEqual([...REGION_NAMES]);
    for (const hint of Object.values(LOCATION_HINTS)) expect(KNOWN).toContain(hint);
  });

  it.each(REGION_NAMES.map((region) => [region, LOCATION_HINTS[region]] as const))(
    "asks for objects of an environment in %s with %s, and for its region once",
    async (region, hint) => {
      const asked: Asked[] = [];
      let questions = 0;
      const placement = new Placement({
        regionOf: async () => {
          questions += 1;
          return region;
        },
      });
      const namespace = noting(asked);
      expect(await greet(placement, namespace, "e7/shard/0")).toBe("e7/shard/0 greets you");
      expect(await greet(placement, namespace, "e7/shard/1")).toBe("e7/shard/1 greets you");
      expect(await greet(placement, namespace, "e7")).toBe("e7 greets you");
      expect(asked).toEqual([
        { name: "e7/shard/0", hint },
        { name: "e7/shard/1", hint },
        { name: "e7", hint },
      ]);
      expect(questions).toBe(1);
    },
  );

  it("gives no hint where nobody chose a region, for objects of no environment, and when nobody can be asked", async () => {
    const asked: Asked[] = [];
    const regions: Record<number, Region | undefined> = { 1: undefined, 2: "singapore" };
    let away = true;
    const placement = new Placement({
      regionOf: async (id) => {
        if (id === 3 && away) throw new Error("the database is away");
        return id === 3 ? "toronto" : regions[id];
      },
    });
    const namespace = noting(asked);
    for (const name of ["e1/scheduler", "addresses/4", "e2x", "elsewhere/e2/shard/1", "e3/shard/0"]) {
      await greet(placement, namespace, name);
    }
    expect(asked.map(({ hint }) => hint)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    away = false;
    await greet(placement, namespace, "e3/shard/0");
    expect(asked.at(-1)).toEqual({ name: "e3/shard/0", hint: "enam" });
  });

  it("tells the failure of an object to whoever called it", async () => {
    const namespace = {
      getByName: () => ({ hello: () => Promise.reject(new Error("broken")) }),
    } as unknown as DurableObjectNamespace;
    const placement = new Placement({ regionOf: async () => "london" });
    await expect(greet(placement, namespace, "e5/x")).rejects.toThrow("broken");
    await expect(greet(placement, namespace, "e5/x")).rejects.toThrow("broken");
  });
});

describe("an environment's region", () => {
  let caller: EnvironmentCaller;
  beforeAll(async () => {
    caller = new EnvironmentCaller(await issueApiKey("organization"));
  });

  /** The hints with which every kind of object of an environment is asked for. */
  async function hints(environmentId: number): Promise<Record<string, (string | undefined)[]>> {
    const asked: Record<string, Asked[]> = {};
    const kinds = [
      "KEYSTORE_OWNER",
      "EXCLUSION_GROUP",
      "RUN_SHARD",
      "SCHEDULER",
      "WEBHOOK_INBOX",
      "RECORD_SWEEPER",
      "ENVIRONMENT_MANAGER",
    ] as const;
    const bindings = { ...env } as unknown as Record<string, unknown>;
    for (const kind of kinds) {
      const list: Asked[] = [];
      asked[kind] = list;
      const real = env[kind] as unknown as DurableObjectNamespace;
      bindings[kind] = {
        getByName(name: string, options?: DurableObjectNamespaceGetDurableObjectOptions) {
          list.push({ name, hint: options?.locationHint });
          return real.getByName(name, options);
        },
      };
    }
    const services = servicesOf(bindings as unknown as Bindings);
    const store = { environmentId, id: 4711, definition: {} as never };
    await services.keystores.count(store);
    await services.exclusion.renew({ environmentId, name: "group" }, "nobody");
    await services.shards.list(environmentId, {}, 10, undefined);
    await services.schedulers.list(environmentId);
    await services.inboxes.list({ environmentId, webhook: "w" }, {}, 10, undefined);
    await services.recordRuns.watch(environmentId);
    await services.environmentWorkers.wake(environmentId);
    return Object.fromEntries(
      kinds.map((kind) => [kind, [...new Set(asked[kind]?.map(({ hint }) => hint))]]),
    );
  }

  it("is passed as a hint for each kind of object that it has", async () => {
    const { id } = await caller.ready({ region: "San Francisco" });
    expect(await hints(Number(id))).toEqual({
      KEYSTORE_OWNER: ["wnam"],
      EXCLUSION_GROUP: ["wnam"],
      RUN_SHARD: ["wnam"],
      SCHEDULER: ["wnam"],
      WEBHOOK_INBOX: ["wnam"],
      RECORD_SWEEPER: ["wnam"],
      ENVIRONMENT_MANAGER: ["wnam"],
    });
  });

  it("is none for the default environment, which nobody chose one for", async () => {
    for (const seen of Object.values(await hints(1))) expect(seen).toEqual([undefined]);
  });
});
