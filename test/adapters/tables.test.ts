import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { D1Tables } from "../../src/adapters/d1/tables/d1-tables";
import { D1TableSchemas } from "../../src/adapters/d1/tables/schema";
import { app } from "../../src/app";
import type { Problem } from "../../src/domain/errors";
import type { JsonObject } from "../../src/domain/json";
import { prefixEnd } from "../../src/domain/prefix-end";
import { TableDefinition } from "../../src/domain/table";
import { type CheckedRow, TableModel } from "../../src/domain/table-model";
import { readSearch } from "../../src/domain/table-search";
import { countingBindings } from "../support/counting-bindings";
import { issueApiKey, v1 } from "../support/v1";
import { admin, ORIGIN } from "../support/worker";

const model = TableModel.of(
  TableDefinition.parse({
    table: "Orders",
    columns: {
      number: { type: "text", unique: true },
      amount: { type: "integer", index: true },
      note: "text",
    },
  }),
);
const table = { environmentId: 9, model };
let time = Date.parse("2026-01-02T03:04:05Z");
const { bindings, counts, reset } = countingBindings(env);
const tables = new D1Tables({ databaseOf: () => bindings.DB, now: () => time, random: () => 0.5 });

function rows(values: readonly JsonObject[], mode: "insert" | "change" = "insert"): CheckedRow[] {
  const problems: Problem[] = [];
  const checked = values.map((each) => model.checkRow(each, mode, "", problems, false));
  expect(problems).toEqual([]);
  return checked;
}

function search(body: JsonObject, most = 10_000) {
  const problems: Problem[] = [];
  const read = readSearch(model, body, problems, { most });
  expect(problems).toEqual([]);
  return read;
}

const where = (field: string, operator: string, value: JsonObject[string]) => ({
  where: { field, operator, value },
});
const total = async () => (await tables.search(table, [search({ limit: 1 })]))[0]?.matches;
const change = (values: JsonObject) => rows([values], "change")[0] as CheckedRow;

beforeAll(async () => {
  const schemas = new D1TableSchemas(
    () => env.DB,
    () => time,
  );
  const statements = schemas.statements(9, "Orders", [{ kind: "create", definition: model.definition }]);
  await env.DB.batch(statements.map((sql) => env.DB.prepare(sql)));
});

describe("what a set of items costs", () => {
  it("is one statement for rows by ids, inserts, changes and deletions, and one for each different search", async () => {
    const many = Array.from({ length: 500 }, (_, index) => ({ number: `n${index}`, amount: index }));
    reset();
    const { ids } = await tables.insert(table, rows(many));
    expect(ids).toHaveLength(500);
    expect(counts.statements).toHaveLength(1);

    reset();
    expect((await tables.get(table, ids)).size).toBe(500);
    expect(counts.statements).toHaveLength(1);

    reset();
    const same = Array.from({ length: 300 }, () => search(where("amount", "<", 3)));
    const pages = await tables.search(table, same);
    expect(pages.map((page) => page.rows.length)).toEqual(new Array(300).fill(3));
    expect(counts.statements).toHaveLength(1);

    reset();
    const different = Array.from({ length: 250 }, (_, index) => search(where("amount", "=", index)));
    await tables.search(table, different);
    expect([counts.statements.length, counts.batches]).toEqual([250, 3]);

    reset();
    const changes = ids.map((id, index) => ({
      rows: { id, search: undefined },
      values: change({ note: `changed ${index}` }),
    }));
    expect(await tables.update(table, changes)).toEqual(new Array(500).fill(1));
    expect(counts.statements).toHaveLength(1);
    const [read] = await tables.search(table, [search(where("amount", "=", 77))]);
    expect(read?.rows).toMatchObject([{ note: "changed 77" }]);

    reset();
    const deleted = await tables.delete(
      table,
      [...ids, 999_999].map((id) => ({ id, search: undefined })),
    );
    expect(deleted).toEqual([...new Array(500).fill(1), 0]);
    expect(counts.statements).toHaveLength(1);
    expect(await total()).toBe(0);
  });

  it("does not grow with a key: one statement more", async () => {
    reset();
    await tables.insert(table, rows([{ number: "k1" }, { number: "k2" }]), "run/cost/write:0");
    expect([counts.statements.length, counts.batches]).toEqual([2, 1]);
  });
});

describe("a write with a key", () => {
  it("inserts once, and tells the same ids and time again", async () => {
    const wanted = rows([{ number: "s1" }, { number: "s2" }]);
    const first = await tables.insert(table, wanted, "run/a/write:0");
    const before = await total();
    time += 60_000;
    expect(await tables.insert(table, wanted, "run/a/write:0")).toEqual(first);
    expect(await total()).toBe(before);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => tables.insert(table, rows([{ note: "ten" }]), "run/b/write:0")),
    );
    expect(new Set(answers.map(({ ids }) => ids[0])).size).toBe(1);
    expect((await tables.search(table, [search(where("note", "=", "ten"))]))[0]?.matches).toBe(1);
  });

  it("changes, upserts and deletes once, and counts the same again", async () => {
    await tables.insert(table, rows([1, 2, 3].map((amount) => ({ number: `u${amount}`, amount }))));
    const found = { id: undefined, search: search(where("number", "begins_with", "u")) };
    const first = { id: undefined, search: search({ ...where("number", "begins_with", "u"), limit: 1 }) };
    const changes = [
      { rows: found, values: change({ amount: 5 }) },
      { rows: first, values: change({ amount: 6 }) },
    ];
    expect(await tables.update(table, changes, "run/c/write:0")).toEqual([3, 1]);
    await tables.update(table, [{ rows: found, values: change({ amount: 7 }) }]);
    expect(await tables.update(table, changes, "run/c/write:0")).toEqual([3, 1]);
    expect((await tables.search(table, [search(where("amount", "=", 7))]))[0]?.matches).toBe(3);

    const upserted = rows([
      { number: "u2", amount: 20 },
      { number: "u4", amount: 40 },
    ]);
    const written = await tables.upsert(table, upserted, ["number"], "run/d/write:0");
    await tables.upsert(table, rows([{ number: "u2", amount: 21 }]), ["number"]);
    expect((await tables.upsert(table, upserted, ["number"], "run/d/write:0")).ids).toEqual(written.ids);
    expect((await tables.get(table, written.ids)).get(written.ids[0] as number)).toMatchObject({
      amount: 21,
    });

    const selections = [found, first];
    expect(await tables.delete(table, selections, "run/e/write:0")).toEqual([4, 0]);
    await tables.insert(table, rows([{ number: "u9" }]));
    expect(await tables.delete(table, selections, "run/e/write:0")).toEqual([4, 0]);
    const ids = written.ids.map((id) => ({ id, search: undefined }));
    expect(await tables.delete(table, ids, "run/f/write:0")).toEqual([0, 0]);
  });

  it("that fails has not happened: the key is free again", async () => {
    await tables.insert(table, rows([{ number: "taken" }]));
    const wanted = rows([{ number: "free" }, { number: "taken" }]);
    const refused = tables.insert(table, wanted, "run/g/write:0");
    await expect(refused).rejects.toMatchObject({ code: "conflict", details: { columns: ["number"] } });
    await tables.delete(table, [{ id: undefined, search: search(where("number", "=", "taken")) }]);
    expect((await tables.insert(table, wanted, "run/g/write:0")).ids).toHaveLength(2);
  });

  it("leaves keys that are swept when no run can come back with them", async () => {
    const sweeping = new D1Tables({ databaseOf: () => env.DB, now: () => time, random: () => 0 });
    time += 100 * 86_400_000;
    await sweeping.insert(table, rows([{ note: "late" }]), "run/late/write:0");
    const { results } = await env.DB.prepare("SELECT step_key FROM applied_steps").all();
    expect(results).toEqual([{ step_key: "run/late/write:0" }]);
  });
});

describe("the number of rows", () => {
  it("is kept and not counted", async () => {
    const plan = async (body: JsonObject) => {
      reset();
      await tables.search(table, [search(body)]);
      const { results } = await env.DB.prepare(
        `EXPLAIN QUERY PLAN ${counts.statements[0]?.replace(/\?\d+/g, "1")}`,
      ).all<{
        detail: string;
      }>();
      return results.map(({ detail }) => detail).join("; ");
    };
    expect(await plan({})).toContain("SEARCH table_counters USING PRIMARY KEY");
    expect(await plan({})).not.toContain("USE TEMP B-TREE");
    const selective = await plan({ ...where("amount", "=", 5), order_field: "id" });
    expect(selective).toContain("USING INDEX i:t9_o$rders:amount");
    expect(selective).not.toMatch(/SCAN t9|USE TEMP B-TREE/);
    expect(await plan(where("number", "begins_with", "u"))).toContain("u:t9_o$rders:number");
  });
});

describe("a call of the v1 API", () => {
  it("is one statement, whatever it asks; only a page behind the last row is counted by another", async () => {
    const applied = await admin("PUT", "/projects/budget", {
      tables: [{ table: "budget", columns: { n: { type: "integer", index: true } } }],
    });
    expect(applied.status).toBe(201);
    const key = await issueApiKey();
    const isolate = countingBindings(env, { CATALOG_MAX_AGE_MS: "3600000" });
    const statements = async (method: string, path: string, body?: unknown): Promise<number> => {
      const send = async () => {
        const request = new Request(`${ORIGIN}/v1/tables/budget${path}`, {
          method,
          headers: { "x-apikey": key, "content-type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const context = createExecutionContext();
        const answer = await app.fetch(request as never, isolate.bindings, context as never);
        expect(answer.status).toBe(200);
        await answer.arrayBuffer();
        await waitOnExecutionContext(context);
      };
      // The first call fills what this isolate knows of credentials and of the table.
      await send();
      isolate.reset();
      await send();
      return isolate.counts.statements.length;
    };
    const selective = where("n", ">", 0);
    expect(await statements("POST", "", { n: 1 })).toBe(1);
    expect(await statements("POST", "", [{ n: 2 }, { n: 3 }])).toBe(1);
    expect(await statements("GET", "/1")).toBe(1);
    expect(await statements("GET", "?limit=2")).toBe(1);
    expect(await statements("POST", "/search", { ...selective, order_field: "n", limit: 2, offset: 1 })).toBe(
      1,
    );
    expect(await statements("POST", "/search", { ...selective, cursor: "" })).toBe(1);
    expect(await statements("POST", "/search", where("n", "=", 77))).toBe(1);
    expect(await statements("POST", "/search", { ...selective, offset: 50 })).toBe(2);
    expect(await statements("POST", "/aggregate", { aggregates: { n: "count" } })).toBe(1);
    expect(await statements("PUT", "/1", { n: 5 })).toBe(1);
  });
});

describe("an aggregation", () => {
  it("orders by a column, also where one of the answer's is called like it", async () => {
    const applied = await admin("PUT", "/projects/named-like", {
      tables: [
        { table: "named_like", columns: { c1: "text" }, seed: ["b", "a", "b", "c"].map((c1) => ({ c1 })) },
      ],
    });
    expect(applied.status).toBe(201);
    const headers = { "x-apikey": await issueApiKey() };
    const body = { group_by: ["c1"], aggregates: { n: "count" }, order_field: "c1", order_type: "desc" };
    const answer = await v1("POST", "/tables/named_like/aggregate", headers, body);
    expect(await answer.json()).toMatchObject({
      data: [
        { c1: "c", n: 1 },
        { c1: "b", n: 2 },
        { c1: "a", n: 1 },
      ],
    });
  });
});

describe("prefixes", () => {
  it("end before the least text that is greater than all with them", () => {
    expect(prefixEnd("abc")).toBe("abd");
    expect(prefixEnd("a\u{10ffff}")).toBe("b");
    expect(prefixEnd("\ud7ff")).toBe("\ue000");
    expect(prefixEnd("\u{10ffff}")).toBeUndefined();
  });
});

describe("an order by a column of integers", () => {
  const planOf = async (): Promise<string> => {
    const { results } = await env.DB.prepare(
      `EXPLAIN QUERY PLAN ${counts.statements[0]?.replace(/\?\d+/g, "1")}`,
    ).all<{ detail: string }>();
    return results.map(({ detail }) => detail).join("\n");
  };

  it("is read from its index, from either end, and sorts nothing", async () => {
    for (const order_type of ["asc", "desc"]) {
      reset();
      await tables.search(table, [search({ order_field: "amount", order_type, limit: 10 })]);
      const plan = await planOf();
      expect(plan).toContain("i:t9_o$rders:amount");
      expect(plan).not.toContain("TEMP B-TREE");
    }
  });

  it("is that of the numbers, also beyond what a number of the wire holds exactly", async () => {
    const amounts = ["-9223372036854775808", "-9007199254740993", "9007199254740993", "9223372036854775807"];
    await tables.insert(
      table,
      rows(
        [amounts[2], amounts[0], amounts[3], amounts[1]].map(
          (amount) => ({ amount, note: "large" }) as JsonObject,
        ),
      ),
    );
    const found = async (order_type: string) => {
      const body = { ...where("note", "=", "large"), order_field: "amount", order_type };
      const [page] = await tables.search(table, [search(body)]);
      return page?.rows.map(({ amount }) => amount);
    };
    expect(await found("asc")).toEqual(amounts);
    expect(await found("desc")).toEqual([...amounts].reverse());
  });
});
