import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { app } from "../../src/app";
import { countingBindings } from "../support/counting-bindings";
import { issueApiKey, v1 } from "../support/v1";
import { admin, ORIGIN } from "../support/worker";

/** What the nodes of tables and keystores ask of their stores for a set of 1,000 items. */

const ITEMS = 1_000;
const isolate = countingBindings(env, { CATALOG_MAX_AGE_MS: "3600000" });
const items = Array.from({ length: ITEMS }, (_, n) => ({ key: `k${n}`, n, id: n + 1 }));

const ok = { ok: "out", error: "bad" };
const where = { field: "code", operator: "=", value: "=item.key" };
const NODES: Record<string, { node: Record<string, unknown>; results: Record<string, string> }> = {
  insert: { node: { type: "table.insert", values: { code: "=item.key", n: "=item.n" } }, results: ok },
  get: { node: { type: "table.get", id: "=item.id" }, results: { found: "out", missing: "bad" } },
  update: {
    node: { type: "table.update", id: "=item.id", set: { n: "=item.n + 1" }, into: "changed" },
    results: { ...ok, missing: "bad" },
  },
  same: {
    node: { type: "table.search", where: { field: "n", operator: "=", value: 7 } },
    results: { rows: "out", none: "bad" },
  },
  search: { node: { type: "table.search", where, limit: 1 }, results: { rows: "out", none: "bad" } },
  upsert: {
    node: { type: "table.upsert", on: ["code"], values: { code: "=item.key", n: "=item.n" } },
    results: ok,
  },
  delete: {
    node: { type: "table.delete", id: "=item.id", into: "deleted" },
    results: { ...ok, missing: "bad" },
  },
  kset: { node: { type: "keystore.set", key: "=item.key", value: { n: "=item.n" } }, results: ok },
  kget: { node: { type: "keystore.get", key: "=item.key" }, results: ok },
  kinsert: { node: { type: "keystore.insert", key: "=item.key" }, results: { ...ok, exists: "out" } },
  ksearch: {
    node: {
      type: "keystore.search",
      where: { rules: [{ field: "n", operator: "=", value: "=item.n % 10" }] },
      limit: 1,
    },
    results: { ...ok, none: "bad" },
  },
  kdelete: { node: { type: "keystore.delete", key: "=item.key" }, results: ok },
};

beforeAll(async () => {
  const flows = Object.entries(NODES).map(([flow, { node, results }]) => {
    const store = String(node.type).startsWith("table") ? { table: "cost" } : { keystore: "cost" };
    return {
      flow,
      endpoint: { anonymous: true },
      outputs: { out: "any", bad: "any" },
      start: "each",
      nodes: {
        each: { type: "split", over: "=input.json", results: { each: "node" } },
        node: { ...node, ...store, results },
        out: { type: "output", to: "out", value: "=item" },
        bad: { type: "output", to: "bad", value: "=last" },
      },
    };
  });
  const applied = await admin("PUT", "/projects/cost", {
    tables: [{ table: "cost", columns: { code: { type: "text", unique: true }, n: "integer" } }],
    keystores: [{ keystore: "cost" }],
    flows,
  });
  if (!applied.ok) throw new Error(await applied.text());
});

/** Runs a flow, and tells what it asked for beyond what any flow asks for. */
async function run(flow: string, input: readonly unknown[] = items) {
  const send = async (body: readonly unknown[]) => {
    const request = new Request(`${ORIGIN}/phixflow/api/1/action/cost/${flow}/trigger`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const context = createExecutionContext();
    const answer = await app.fetch(request as never, isolate.bindings, context as never);
    const told = await answer.json<{ data: { out?: unknown[]; bad?: unknown[] } }>();
    await waitOnExecutionContext(context);
    return { status: answer.status, ...told.data };
  };
  // The isolate learns of the flow.
  await send([]);
  isolate.reset();
  const answer = await send(input);
  // What the environment's storage is measured with now and then is not the node's.
  const statements = isolate.counts.statements.filter(
    (sql) => /"t\d+_/.test(sql) && !sql.includes("AS bytes"),
  ).length;
  const { batches, durableObjectCalls } = isolate.counts;
  return { ...answer, statements, batches, durableObjectCalls };
}

describe("a node of tables over 1,000 items", () => {
  it.each([
    ["insert", 1],
    ["get", 1],
    ["update", 1],
    ["same", 1],
    ["upsert", 2],
    ["search", ITEMS],
    ["delete", 1],
  ])("%s: %i statements", async (flow, most) => {
    const { status, out, bad, statements, batches } = await run(flow);
    expect([status, out?.length, bad ?? []]).toEqual([200, ITEMS, []]);
    expect(statements).toBeGreaterThan(0);
    expect(statements).toBeLessThanOrEqual(most);
    expect(batches).toBeLessThanOrEqual(Math.ceil(most / 100) + 1);
  });
});

describe("a node of keystores over 1,000 items", () => {
  it.each(["kset", "kget", "kinsert", "ksearch", "kdelete"])("%s: one call of its owner", async (flow) => {
    const { status, out, bad, durableObjectCalls } = await run(flow);
    expect([status, out?.length, bad ?? []]).toEqual([200, ITEMS, []]);
    expect(durableObjectCalls).toBe(1);
  });
});

describe("a keystore with an index", () => {
  it("takes hostile fields, values, aliases and patterns for data", async () => {
    expect((await run("kset")).out).toHaveLength(ITEMS);
    const keyed = { "x-apikey": await issueApiKey() };
    const ask = async (search: unknown) => {
      const answer = await v1("POST", "/keystore/cost", keyed, search);
      return { status: answer.status, json: await answer.json<unknown[]>() };
    };
    const one = { rules: [{ field: "n", operator: "=", value: 7 }] };
    for (const text of [
      "'; DROP TABLE entries; --",
      '"',
      "') OR 1=1 --",
      "$..*",
      "terms.term",
      "k%' OR '1'='1",
      "\\",
      "_",
      "k\u0000",
    ]) {
      for (const rule of [
        { field: text, operator: "=", value: "a" },
        { field: `$[${JSON.stringify(text)}]`, operator: "LIKE", value: "a%" },
        { field: "key", operator: "=", value: text },
        { field: "key", operator: "LIKE", value: `${text}%` },
        { field: "n", operator: "<", value: text },
        { field: "n", operator: text, value: 1 },
      ]) {
        const { status, json } = await ask({ where: { rules: [rule] }, limit: 10_000 });
        expect([200, 400]).toContain(status);
        // Whoever gets out of a value finds all of them.
        if (status === 200 && rule.field !== "n") expect([rule, json]).toEqual([rule, []]);
      }
      const aliased = await ask({ select: [{ field: "n", alias: text }], where: one });
      expect(aliased).toEqual({ status: 200, json: [{ [text]: "7" }] });
    }
    expect(await ask({ select: [{ field: "key" }], where: one })).toEqual({
      status: 200,
      json: [{ key: "k7" }],
    });
  });
});
