import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { admin, post, trigger } from "../support/worker";

/** Flows that work with tables, synchronous and durable. */

const nodes = {
  each: { type: "split", over: "=input.json.rows", results: { each: "insert" } },
  insert: {
    type: "table.insert",
    table: "ledger",
    values: { code: "=item.code", amount: "=item.amount" },
    results: { ok: "change", error: "refused" },
  },
  change: {
    type: "table.update",
    table: "ledger",
    where: { field: "code", operator: "=", value: "=item.code" },
    set: { note: "='seen ' & item.id" },
    results: { ok: "read", missing: "end" },
  },
  read: { type: "table.get", table: "ledger", id: "=item.id", results: { found: "done", missing: "end" } },
  done: { type: "output", to: "done" },
  refused: { type: "output", to: "refused", value: { code: "=item.code", why: "=last.code" } },
};
const outputs = { done: "any", refused: "any" };

beforeAll(async () => {
  const flow = (name: string, mode: string) => ({
    flow: name,
    endpoint: { anonymous: true, mode },
    outputs,
    start: "each",
    nodes,
  });
  const applied = await admin("PUT", "/projects/ledger", {
    tables: [
      { table: "ledger", columns: { code: { type: "text", unique: true }, amount: "integer", note: "text" } },
    ],
    flows: [flow("book", "sync"), flow("book-later", "async")],
  });
  if (!applied.ok) throw new Error(await applied.text());
});

const rows = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ code: `${prefix}${index}`, amount: index }));

describe("a flow", () => {
  it("writes and reads rows of its environment; a taken value fails its item alone", async () => {
    const first = await post("ledger/book/trigger", { rows: rows("a", 40) });
    const answer = await first.json<{ data: { done: object[] } }>();
    expect([first.status, answer.data.done.length]).toEqual([200, 40]);
    expect(answer.data.done[7]).toMatchObject({ id: "8", code: "a7", amount: 7, note: "seen 8" });
    const second = await post("ledger/book/trigger", { rows: [{ code: "a1" }, { code: "new" }] });
    expect(await second.json()).toMatchObject({
      data: { done: [{ code: "new" }], refused: [{ code: "a1", why: "conflict" }] },
    });
  });

  it("that is durable commits each write with its step's key", async () => {
    const accepted = await post("ledger/book-later/trigger", { rows: rows("b", 25) });
    const { processId } = await accepted.json<{ processId: string }>();
    let state: { status: string; data?: { done: object[] } } = { status: "Running" };
    for (let turn = 0; turn < 100 && state.status !== "Success"; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      state = await (await trigger(`ledger/book-later/poll/${processId}`)).json();
    }
    expect(state).toMatchObject({ status: "Success" });
    expect(state.data?.done).toHaveLength(25);
    const { results } = await env.DB.prepare(
      "SELECT step_key, result FROM applied_steps ORDER BY step_key",
    ).all<{
      step_key: string;
      result: string;
    }>();
    expect(results.map(({ step_key }) => step_key)).toEqual([
      expect.stringMatching(`^${processId}/.*change/write:0$`),
      expect.stringMatching(`^${processId}/.*insert/write:0$`),
    ]);
    expect(JSON.parse(results[0]?.result ?? "")).toEqual(new Array(25).fill(1));
    const counted = await env.DB.prepare("SELECT count(*) AS n FROM t1_ledger WHERE code LIKE 'b%'").first(
      "n",
    );
    expect(counted).toBe(25);
  });
});
