import { describe, expect, it } from "vitest";
import { SluiceError } from "../../src/domain/errors";
import type { Json } from "../../src/domain/json";
import { TableDefinition } from "../../src/domain/table";
import type { TablePort } from "../../src/engine/table-port";
import { FakeHost } from "../support/fake-host";
import { FakeStepStore } from "../support/fake-step-store";
import { flowOf, problemsOf, runLater, throughFlow } from "../support/trial";

const uses = {
  table: {
    users: TableDefinition.parse({
      table: "users",
      columns: { username: { type: "text", required: true, unique: true }, age: "integer" },
    }),
  },
};

/** A table that keeps unique names, and every call that it was asked. */
class FakeUsers {
  readonly calls: { verb: string; count: number; step: string | undefined }[] = [];
  readonly names = new Map<string, number>();
  readonly steps = new Map<string, number[]>();
  crashBeforeAnswer = false;

  port(): TablePort {
    const insert: TablePort["insert"] = async (_table, rows, step) => {
      this.calls.push({ verb: "insert", count: rows.length, step });
      const before = step === undefined ? undefined : this.steps.get(step);
      if (before !== undefined) return { ids: before, at: "2026-01-01 00:00:00" };
      for (const row of rows) {
        if (this.names.has(row.get("username") as string)) throw new SluiceError("conflict", "taken");
      }
      const ids = rows.map((row) => {
        const id = this.names.size + 1;
        this.names.set(row.get("username") as string, id);
        return id;
      });
      if (step !== undefined) this.steps.set(step, ids);
      if (this.crashBeforeAnswer) throw new Error("the process died");
      return { ids, at: "2026-01-01 00:00:00" };
    };
    const search: TablePort["search"] = async (_table, searches) => {
      this.calls.push({ verb: "search", count: searches.length, step: undefined });
      return searches.map(({ limit }) => ({
        rows: [],
        matches: limit > 100 ? 0 : 1,
        exact: true,
        next: undefined,
      }));
    };
    const update: TablePort["update"] = async (_table, changes, step) => {
      this.calls.push({ verb: "update", count: changes.length, step });
      return changes.map(({ rows }) => (rows.id === 1 ? 1 : 0));
    };
    return { insert, search, update } as Partial<TablePort> as TablePort;
  }
}

function hostWith(users: FakeUsers): FakeHost {
  const host = new FakeHost();
  host.services = { ...host.services, tables: users.port() };
  return host;
}

const inserting = throughFlow({
  each: { type: "split", over: "=item", results: { each: "insert" } },
  insert: {
    type: "table.insert",
    table: "users",
    values: { username: "=item.name", age: "=item.age" },
    results: { ok: "out", error: "bad" },
  },
});

describe("what is wrong with a node", () => {
  const problems = (node: Record<string, unknown>) =>
    problemsOf(flowOf({ node: { table: "users", next: "end", ...node } }), { uses });

  it("is found when the flow is applied, with the nearest name", () => {
    const cases: [Record<string, unknown>, string][] = [
      [{ type: "table.insert", table: "user", values: { username: "x" } }, 'no table "user"'],
      [{ type: "table.insert", values: { username: "x", agge: 5 } }, 'no column "agge"'],
      [{ type: "table.insert", values: { age: 5 } }, 'required column "username" gets no value'],
      [{ type: "table.insert", values: { username: "x", age: "old" } }, "integer"],
      [{ type: "table.insert", values: { username: "x", id: 5 } }, "fills"],
      [{ type: "table.insert", values: { username: null } }, "required"],
      [
        { type: "table.search", where: { field: "agee", operator: "=", value: "=item.a" } },
        'no column "agee"',
      ],
      [{ type: "table.search", where: { field: "age", operator: "like", value: "=item.a" } }, "no operator"],
      [{ type: "table.search", where: { field: "age", operator: ">", value: "x" } }, "integer"],
      [
        {
          type: "table.search",
          where: { rules: [{ rules: [{ field: "nme", operator: "=>", value: "=item.a" }] }] },
        },
        'no column "nme"',
      ],
      [{ type: "table.search", order_field: "nme" }, 'no column "nme"'],
      [{ type: "table.upsert", on: ["age"], values: { username: "x" } }, "not unique"],
      [{ type: "table.update", set: { age: 5 } }, "say which rows"],
      [{ type: "table.update", id: 1, set: {} }, "no column to change"],
      [{ type: "table.delete" }, "say which rows"],
    ];
    for (const [node, words] of cases) {
      expect([words, problems(node).join("\n")]).toEqual([words, expect.stringContaining(words)]);
    }
  });
});

describe("table.insert", () => {
  it("writes the items of a set together, and those that conflict fail alone", async () => {
    const users = new FakeUsers();
    users.names.set("taken", 1);
    const item = ["a", "taken", "b"].map((name) => ({ name }));
    const ended = await runLater(inserting, { host: hostWith(users), item, uses });
    expect(ended.outputs.out).toMatchObject([
      { id: "2", username: "a" },
      { id: "3", username: "b" },
    ]);
    expect(ended.outputs.bad).toMatchObject([{ failed: "taken", code: "conflict" }]);
    expect(users.calls.map(({ count }) => count)).toEqual([3, 1, 1, 1]);
    // A run in memory has no steps that could be repeated.
    expect(users.calls.every(({ step }) => step === undefined)).toBe(true);
  });

  it("fails items whose values do not fit, and writes the others", async () => {
    const users = new FakeUsers();
    const item = [{ name: "a", age: 1 }, { name: "b", age: "old" }, { age: 3 }];
    const ended = await runLater(inserting, { host: hostWith(users), item, uses });
    expect(ended.outputs.out).toMatchObject([{ username: "a" }]);
    expect(ended.outputs.bad).toMatchObject([
      { code: "invalid_row", failed: expect.stringContaining("age: is") },
      { code: "invalid_row", failed: expect.stringContaining("username: is missing") },
    ]);
    expect(users.calls).toHaveLength(1);
  });

  it("taken up again after a crash between the write and its answer, writes nothing twice", async () => {
    for (const taken of [false, true]) {
      const users = new FakeUsers();
      if (taken) users.names.set("b", 9);
      const steps = new FakeStepStore();
      const item: Json = [{ name: "a" }, { name: "b" }];
      const attempt = async () => {
        const host = hostWith(users);
        host.steps = steps;
        return runLater(inserting, { host, item, uses });
      };
      users.crashBeforeAnswer = true;
      const died = await attempt();
      expect(died.outputs.out ?? []).toEqual([]);
      users.crashBeforeAnswer = false;
      const stored = users.names.size;
      // What the step stored of itself is gone with the process; what its effects stored is not.
      steps.steps.clear();
      const ended = await attempt();
      expect(users.names.size).toBe(stored);
      expect(ended.outputs.out).toMatchObject(
        taken ? [{ username: "a" }] : [{ username: "a" }, { username: "b" }],
      );
      const keys = users.calls.map(({ step }) => step);
      expect(keys.every((step) => step?.includes("run-1/"))).toBe(true);
      expect(new Set(keys).size).toBeLessThan(keys.length);
    }
  });
});

describe("table.search and table.update", () => {
  it("ask once for all items, and tell items without rows apart", async () => {
    const users = new FakeUsers();
    const flow = throughFlow({
      each: { type: "split", over: "=item", results: { each: "find" } },
      find: {
        type: "table.search",
        table: "users",
        where: { field: "username", operator: "=", value: "=item.name" },
        results: { rows: "end", none: "change" },
      },
      change: {
        type: "table.update",
        table: "users",
        id: "=item.id",
        set: { age: 5 },
        into: "changed",
        results: { ok: "out", missing: "bad" },
      },
    });
    const item = [
      { name: "a", id: 1 },
      { name: "b", id: "2" },
      { name: "c", id: "none" },
    ];
    const ended = await runLater(flow, { host: hostWith(users), item, uses });
    expect(users.calls.map(({ verb, count }) => [verb, count])).toEqual([
      ["search", 3],
      ["update", 2],
    ]);
    expect(ended.outputs.out).toEqual([{ name: "a", id: 1, changed: 1 }]);
    expect(ended.outputs.bad).toMatchObject([{ item: { name: "b" } }, { item: { name: "c" } }]);
  });
});
