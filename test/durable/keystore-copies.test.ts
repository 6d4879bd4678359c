import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { KeystoreEntry } from "../../src/domain/keystore";
import { Copies } from "../../src/durable/keystore/copies";

/*
 * What an owner does to KV, with a KV that tells what it was asked and when, and a clock that goes on only when the test or
 * a pause says so. The tables are those of a real object.
 */

interface Kv {
  values: Map<string, string>;
  log: { at: number; what: string }[];
  /** Operations that hang until they are let go, in order. */
  gates: (() => void)[];
  hang: boolean;
  fail: Set<"put" | "delete">;
}

interface World {
  copies: Copies;
  kv: Kv;
  clock: { now: number; alarm: number };
  entries: Map<string, string>;
  /** A write, as the owner does it: the entry, then the copy. Resolves when it may be answered. */
  write(key: string, text: string | undefined): Promise<void>;
  /** The owner dies, and another one takes its place over the same tables. */
  restart(): void;
}

let objects = 0;

function inWorld(run: (world: World) => Promise<void>): Promise<void> {
  const stub = env.KEYSTORE_OWNER.getByName(`copies-${++objects}`);
  return runInDurableObject(stub, async (_, { storage }) => {
    const clock = { now: 1_000_000, alarm: Number.POSITIVE_INFINITY };
    const entries = new Map<string, string>();
    const written = new Map<string, number>();
    const kv: Kv = { values: new Map(), log: [], gates: [], hang: false, fail: new Set() };
    const asked = async (operation: "put" | "delete", key: string, act: () => void, what: string) => {
      kv.log.push({ at: clock.now, what });
      if (kv.hang) await new Promise<void>((done) => kv.gates.push(done));
      if (kv.fail.has(operation)) throw new Error("KV is made to fail");
      act();
      void key;
    };
    const make = () =>
      new Copies({
        storage,
        kv: {
          put: ((key: string, text: string) =>
            asked("put", key, () => kv.values.set(key, text), `put ${key} ${text}`)) as KVNamespace["put"],
          delete: ((key: string) =>
            asked("delete", key, () => kv.values.delete(key), `delete ${key}`)) as KVNamespace["delete"],
        },
        now: () => clock.now,
        entry: (key): KeystoreEntry | undefined => {
          const text = entries.get(key);
          return text === undefined
            ? undefined
            : { text, format: "json", version: 1, updatedAt: clock.now, expiresAt: null };
        },
        prefix: () => "p/",
        arm: (at) => {
          clock.alarm = Math.min(clock.alarm, at);
        },
        pause: async (ms) => {
          clock.now += ms;
        },
      });
    const world: World = {
      copies: make(),
      kv,
      clock,
      entries,
      async write(key, text) {
        const before = written.get(key);
        if (text === undefined) entries.delete(key);
        else entries.set(key, text);
        written.set(key, clock.now);
        if (world.copies.changed(key, before)) await world.copies.leave(key);
      },
      restart() {
        world.copies = make();
      },
    };
    await run(world);
  });
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((done) => setTimeout(done, 0));
};

test("a copy is made when its key was left alone for a moment, and once", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    await write("a", "1");
    await copies.flush();
    expect(kv.log).toEqual([]);
    expect(clock.alarm).toBe(clock.now + 1_000);
    clock.now += 1_000;
    await copies.flush();
    await copies.flush();
    expect(kv.log.map(({ what }) => what)).toEqual(["put p/=a 1"]);
    expect(copies.nextDue()).toBeUndefined();
  }));

test("a write, and a deletion, take the copy away before they are answered", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    for (const next of ["2", undefined]) {
      await write("a", "1");
      clock.now += 10_000;
      await copies.flush();
      expect(kv.values.get("p/=a")).toBe("1");
      clock.now += 10_000;
      await write("a", next);
      expect(kv.values.size).toBe(0);
      clock.now += 10_000;
      await copies.flush();
      expect(kv.values.get("p/=a")).toBe(next);
      await write("a", undefined);
    }
    clock.now += 100_000;
    await copies.flush();
    expect(kv.values.size).toBe(0);
  }));

test("under one key KV is written at most once a second, however often the key is", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    let seed = 7;
    for (let index = 0; index < 300; index += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      clock.now += seed % (index % 20 < 5 ? 7_000 : 300);
      if (seed % 3 === 0) await copies.flush();
      else await write("a", seed % 7 === 0 ? undefined : String(index));
    }
    clock.now += 60_000;
    for (let again = 0; again < 3; again += 1) {
      await copies.flush();
      clock.now += 10_000;
    }
    const gaps = kv.log.slice(1).map(({ at }, index) => at - (kv.log[index]?.at ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    expect(gaps.length).toBeGreaterThan(5);
    expect(copies.nextDue()).toBeUndefined();
  }));

test("a write that comes while the copy before it is under way: that copy is taken away again", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    await write("a", "1");
    clock.now += 2_000;
    kv.hang = true;
    const flushing = copies.flush();
    await settled();
    expect(kv.log).toHaveLength(1);
    let answered = false;
    const writing = write("a", undefined).then(() => {
      answered = true;
    });
    await settled();
    expect([answered, kv.log.length]).toEqual([false, 1]);
    kv.hang = false;
    kv.gates.shift()?.();
    await Promise.all([flushing, writing]);
    expect(kv.log.map(({ what }) => what)).toEqual(["put p/=a 1", "delete p/=a"]);
    expect(kv.values.size).toBe(0);
  }));

test("writers that come while a copy is being taken away wait for the same deletion", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    await write("a", "1");
    clock.now += 2_000;
    await copies.flush();
    clock.now += 2_000;
    kv.hang = true;
    const writing = ["2", "3", "4"].map((text) => write("a", text));
    await settled();
    expect(kv.log).toHaveLength(2);
    kv.hang = false;
    kv.gates.shift()?.();
    await Promise.all(writing);
    clock.now += 10_000;
    await copies.flush();
    expect(kv.log.map(({ what }) => what)).toEqual(["put p/=a 1", "delete p/=a", "put p/=a 4"]);
  }));

test("a KV that takes nothing: the writer is told, and the copy goes as soon as it may", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    await write("a", "1");
    clock.now += 2_000;
    kv.fail.add("put");
    await copies.flush();
    expect(copies.nextDue()).toBe(clock.now + 5_000);
    kv.fail.clear();
    clock.now += 5_000;
    await copies.flush();
    expect(kv.values.get("p/=a")).toBe("1");
    clock.now += 2_000;
    kv.fail.add("delete");
    await expect(write("a", "2")).rejects.toThrow("KV is made to fail");
    expect(kv.values.get("p/=a")).toBe("1");
    kv.fail.clear();
    clock.now += 5_000;
    await copies.flush();
    clock.now += 10_000;
    await copies.flush();
    expect(kv.values.get("p/=a")).toBe("2");
  }));

test("an owner that dies between its commit and KV: the next one brings KV to what is so", () =>
  inWorld(async (world) => {
    const { kv, clock, entries } = world;
    await world.write("a", "1");
    await world.write("b", "1");
    clock.now += 2_000;
    await world.copies.flush();
    clock.now += 2_000;
    // Both are written, and the owner dies before it asks KV.
    entries.set("a", "2");
    entries.delete("b");
    world.copies.changed("a", undefined);
    world.copies.changed("b", undefined);
    clock.alarm = Number.POSITIVE_INFINITY;
    world.restart();
    for (let again = 0; again < 3; again += 1) {
      await world.copies.flush();
      clock.now += 40_000;
    }
    expect(Object.fromEntries(kv.values)).toEqual({ "p/=a": "2" });
  }));

test("what a dead owner had sent to KV may arrive late: a deleted key does not come back", () =>
  inWorld(async (world) => {
    const { kv, clock } = world;
    await world.write("a", "1");
    clock.now += 2_000;
    kv.hang = true;
    void world.copies.flush();
    await settled();
    kv.hang = false;
    world.restart();
    clock.now += 2_000;
    await world.write("a", undefined);
    // The put of the dead owner arrives behind the deletion.
    kv.gates.shift()?.();
    await settled();
    expect(kv.values.get("p/=a")).toBe("1");
    clock.now += 40_000;
    await world.copies.flush();
    expect(kv.values.size).toBe(0);
    expect(world.copies.nextDue()).toBeUndefined();
  }));

test("a key whose own KV key would be too long is named by its hash", () =>
  inWorld(async ({ copies, kv, clock, write }) => {
    const key = "ä".repeat(600);
    await write(key, "1");
    clock.now += 2_000;
    await copies.flush();
    expect([...kv.values.keys()]).toEqual([expect.stringMatching(/^p\/#[0-9a-f]{64}$/)]);
    clock.now += 2_000;
    await write(key, undefined);
    expect(kv.values.size).toBe(0);
  }));
