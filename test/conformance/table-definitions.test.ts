import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { issueApiKey, v1 } from "../support/v1";
import { admin } from "../support/worker";

/** Tables as bundles declare them: made, changed, and never made to lose data that was not named. */

interface Report {
  errors?: { path: string; reason: string }[];
  resources: Record<string, { created: string[]; updated: string[]; removed: string[]; changes?: string[] }>;
}

let keyed: Record<string, string>;
const PEOPLE = {
  table: "people",
  columns: { name: "text", age: "integer", email: { type: "text", unique: true } } as Record<string, unknown>,
};

async function put(tables: unknown[], query = "", project = "definitions") {
  const response = await admin("PUT", `/projects/${project}${query}`, { tables });
  const text = await response.text();
  return { status: response.status, report: JSON.parse(text) as Report, text };
}

async function rowsOf(table: string, body: unknown = {}) {
  const response = await v1("POST", `/tables/${table}/search`, keyed, body);
  if (!response.ok) throw new Error(await response.text());
  return (await response.json<{ data: Record<string, unknown>[] }>()).data;
}

const columns = (more: Record<string, unknown>) => ({ ...PEOPLE, columns: { ...PEOPLE.columns, ...more } });
const without = (name: string) => {
  const { [name]: _, ...rest } = PEOPLE.columns;
  return { ...PEOPLE, columns: rest };
};

beforeAll(async () => {
  keyed = { "x-apikey": await issueApiKey() };
});

describe("a declaration", () => {
  it("is refused with the place of every mistake", async () => {
    const { status, report } = await put([
      { table: "bad name", columns: { a: "text" } },
      { table: "t1", columns: { a: "string" } },
      { table: "t2", columns: { id: "integer" } },
      { table: "t3", columns: { rowid: "integer" } },
      { table: "t4", columns: { "a; DROP": "text" } },
      { table: "t5", columns: { a: "text", A: "text" } },
      { table: "t6", columns: { a: { type: "integer", default: "x" } } },
      { table: "t7", columns: { a: { type: "json", unique: true } } },
      { table: "t8", columns: { a: "text" }, indexes: [["b"]] },
      { table: "t9", columns: Object.fromEntries(Array.from({ length: 91 }, (_, n) => [`c${n}`, "text"])) },
      { table: "t10", columns: { a: "integer" }, seed: [{ a: "x" }, { b: 1 }] },
      { table: "sqlite_x", columns: { a: "text" } },
      { table: "t11", columns: { a: { type: "text", requird: true } } },
    ]);
    expect(status).toBe(422);
    const places = (report.errors ?? []).map(({ path }) => path.split("/")[2]);
    expect(new Set(places)).toEqual(new Set(Array.from({ length: 13 }, (_, index) => String(index))));
  });

  it("takes 90 columns, and every one of them can be searched for and written", async () => {
    const names = Array.from({ length: 90 }, (_, index) => `column_${index}`.padEnd(50, "x"));
    const made = await put(
      [{ table: "Wide", columns: Object.fromEntries(names.map((name) => [name, { type: "integer" }])) }],
      "",
      "wide",
    );
    expect(made.status).toBe(201);
    const row = Object.fromEntries(names.map((name, index) => [name, index]));
    expect((await v1("POST", "/tables/Wide", keyed, row)).status).toBe(200);
    expect((await v1("POST", "/tables/Wide", keyed, [row, row])).status).toBe(200);
    const rules = names.map((field, value) => ({ field, operator: "between", value: [value, value] }));
    expect(await rowsOf("Wide", { where: { condition: "AND", rules } })).toHaveLength(3);
    expect((await v1("GET", "/tables/wide/1", keyed)).status).toBe(404);
  });

  it("may begin with rows, which are put in once", async () => {
    const seeded = {
      table: "colours",
      columns: { name: "text", n: { type: "integer", default: 7 } },
      seed: [{ name: "it's red" }, { name: "blue", n: 2 }],
    };
    await put([seeded], "", "colours");
    expect(await rowsOf("colours")).toMatchObject([
      { name: "it's red", n: 7 },
      { name: "blue", n: 2 },
    ]);
    await v1("DELETE", "/tables/colours/1", keyed);
    await put([{ ...seeded, description: "changed" }], "", "colours");
    expect(await rowsOf("colours")).toHaveLength(1);
  });
});

describe("a change", () => {
  it("of nothing changes nothing, and exports what was applied", async () => {
    expect((await put([PEOPLE])).status).toBe(201);
    await v1("POST", "/tables/people", keyed, [
      { name: "Ann", age: 30, email: "ann@example.org" },
      { name: "Bob", age: 41, email: null },
      { name: "Cy", age: 30, email: "cy@example.org" },
    ]);
    expect((await put([PEOPLE])).report).toMatchObject({ changed: false });
    const exported = await (await admin("GET", "/projects/definitions")).json<{ tables: unknown[] }>();
    expect(exported.tables).toEqual([PEOPLE]);
  });

  it("that adds and widens happens by itself, and a dry run tells it", async () => {
    const wider = columns({ age: "real", city: { type: "text", default: 'it\'s "Oslo"' }, born: "date" });
    const dry = await put([{ ...wider, indexes: [["name", "age"]] }], "?dryRun=true");
    expect(dry.report.resources.table?.changes).toEqual([
      "people: converts the column age from integer to real",
      "people: adds the column city (text)",
      "people: adds the column born (date)",
      "people: adds the index of name, age",
    ]);
    expect(await rowsOf("people", { limit: 1 })).not.toMatchObject([{ city: expect.anything() }]);
    expect((await put([{ ...wider, indexes: [["name", "age"]] }])).status).toBe(200);
    expect(await rowsOf("people")).toMatchObject([
      { name: "Ann", age: 30, city: 'it\'s "Oslo"', born: null },
      { name: "Bob" },
      { name: "Cy" },
    ]);
    expect((await v1("POST", "/tables/people", keyed, { name: "Di", age: 1.5 })).status).toBe(200);
  });

  it("that would lose data is refused until it is named", async () => {
    await v1("DELETE", "/tables/people/4", keyed);
    const refusals: [unknown[], string][] = [
      [[without("email")], "column:people.email"],
      [[columns({ name: "integer" })], "column:people.name"],
      [[columns({ name: { type: "text", required: true } })], "column:people.name"],
      [[columns({ nick: { type: "text", required: true } })], "column:people.nick"],
      [[columns({ age: { type: "real", unique: true } })], "column:people.age"],
      [[], "table:people"],
    ];
    for (const [tables, name] of refusals) {
      const dry = await put(tables, "?dryRun=true");
      expect([name, dry.status]).toEqual([name, 422]);
      const { status, text } = await put(tables);
      expect([name, status]).toEqual([name, 422]);
      expect(text).toContain(`?drop=${name}`);
    }
    expect(await rowsOf("people")).toMatchObject([{ email: "ann@example.org" }, {}, {}]);
  });

  it("that was named is made: conversions keep what fits, repeated values stay with the first row", async () => {
    await v1("PUT", "/tables/people/1", keyed, { name: "77" });
    const changed = {
      table: "people",
      columns: {
        name: "integer",
        age: { type: "integer", unique: true },
        code: { type: "text", required: true },
      },
    };
    const drop = [
      "column:people.name",
      "column:people.age",
      "column:people.email",
      "column:people.city",
      "column:people.born",
      "column:people.code",
    ];
    const done = await put([changed], `?drop=${drop.join(",")}`);
    expect([done.status, done.text]).toEqual([200, expect.any(String)]);
    expect(await rowsOf("people")).toEqual([
      expect.objectContaining({ name: 77, age: 30, code: null }),
      expect.objectContaining({ name: null, age: 41, code: null }),
      expect.objectContaining({ name: null, age: null, code: null }),
    ]);
    expect((await v1("POST", "/tables/people", keyed, { age: 41, code: "x" })).status).toBe(409);
    expect((await v1("POST", "/tables/people", keyed, { age: 42 })).status).toBe(400);
  });

  it("of every type to every other leaves a table that works", async () => {
    const types = ["text", "integer", "real", "boolean", "date", "datetime", "json"];
    const pairs = types.flatMap((from) => types.filter((to) => to !== from).map((to) => [from, to] as const));
    const table = (side: 0 | 1) => ({
      table: "types",
      columns: Object.fromEntries(
        pairs.map((pair) => [`${pair[0]}_${pair[1]}`, { type: pair[side], index: pair[side] !== "json" }]),
      ),
    });
    await put([table(0)], "", "types");
    const sample: Record<string, unknown> = {
      text: "12",
      integer: 1,
      real: 1,
      boolean: true,
      date: "2024-02-29",
      datetime: "2024-02-29 00:00:00",
      json: { a: 1 },
    };
    const row = Object.fromEntries(pairs.map(([from, to]) => [`${from}_${to}`, sample[from]]));
    expect((await v1("POST", "/tables/types", keyed, row)).status).toBe(200);
    const drop = pairs.map(([from, to]) => `column:types.${from}_${to}`).join(",");
    const done = await put([table(1)], `?drop=${drop}`, "types");
    expect([done.status, done.text]).toEqual([200, expect.any(String)]);
    expect((await rowsOf("types"))[0]).toMatchObject({
      text_integer: 12,
      text_real: 12,
      text_json: "12",
      text_date: null,
      integer_text: "1",
      integer_boolean: true,
      real_integer: 1,
      boolean_text: "true",
      boolean_json: true,
      date_datetime: "2024-02-29 00:00:00",
      datetime_date: "2024-02-29",
      json_text: '{"a":1}',
      json_integer: null,
    });
  });

  it("takes a table away with everything of it, and its name can be used again", async () => {
    expect((await put([], "?drop=table:people")).status).toBe(200);
    expect((await v1("GET", "/tables/people/1", keyed)).status).toBe(404);
    const left = await env.DB.prepare(
      "SELECT count(*) AS n FROM table_counters WHERE table_name = 't1_people'",
    ).first("n");
    expect(left).toBe(0);
    expect((await put([PEOPLE])).status).toBe(200);
    expect(await rowsOf("people")).toEqual([]);
  });

  it("keeps tables of projects apart: a name is one project's", async () => {
    expect((await put([PEOPLE], "", "others")).status).toBe(422);
  });

  it("is all or nothing when rows that repeat a value come meanwhile", async () => {
    await put([{ table: "race", columns: { a: "text" } }], "", "race");
    await v1("POST", "/tables/race", keyed, [{ a: "x" }]);
    // The question whether values repeat is put before the transaction; this row comes in between.
    await v1("POST", "/tables/race", keyed, { a: "x" });
    const refused = await put(
      [{ table: "race", columns: { a: { type: "text", unique: true } } }],
      "",
      "race",
    );
    expect([422, 409]).toContain(refused.status);
    expect((await v1("POST", "/tables/race", keyed, { a: "x" })).status).toBe(200);
  });
});

describe("a name in `drop`", () => {
  interface Warned extends Report {
    changed: boolean;
    warnings?: { path: string; reason: string; nearest?: string }[];
  }
  const project = "dropping";
  const table = (name: string, ...names: string[]) => ({
    table: name,
    columns: Object.fromEntries(names.map((column) => [column, "text"])),
  });
  const apply = async (query: string, ...tables: object[]) => {
    const { status, report } = await put(tables, query, project);
    const { changed, warnings } = report as Warned;
    return { status, changed, warnings };
  };

  it("that something is lost of is not warned of; the same apply again succeeds, and warns", async () => {
    const both = [table("cats", "name", "age"), table("dogs", "name")];
    expect(await apply("", ...both)).toStrictEqual({ status: 201, changed: true, warnings: undefined });
    const less = "?drop=column:cats.age,%20table:dogs,column:dogs.name,";
    expect(await apply(less, table("cats", "name"))).toStrictEqual({
      status: 200,
      changed: true,
      warnings: undefined,
    });
    expect(await apply(less, table("cats", "name"))).toStrictEqual({
      status: 200,
      changed: false,
      warnings: ["column:cats.age", "table:dogs", "column:dogs.name"].map((name) =>
        expect.objectContaining({
          path: "drop",
          reason: `nothing is lost of "${name}": the project has no such thing`,
        }),
      ),
    });
  });

  it("that the bundle keeps, or that is not there, is warned of, with the nearest name", async () => {
    const kept = table("cats", "name");
    expect((await apply("?drop=table:cats", kept)).warnings).toEqual([
      { path: "drop", reason: 'nothing is lost of "table:cats": the bundle keeps its data' },
    ]);
    for (const query of ["?drop=column:cats.nane", "?dryRun=true&drop=column:cats.nane"]) {
      expect((await apply(query, kept)).warnings).toEqual([
        {
          path: "drop",
          reason: 'nothing is lost of "column:cats.nane": the project has no such thing',
          nearest: "column:cats.name",
        },
      ]);
    }
    const draft = await apply("?publish=false&drop=table:cats");
    expect(draft).toMatchObject({ status: 200, warnings: [{ reason: expect.stringContaining("drafts") }] });
    // It was a draft: the table is there.
    expect((await apply("", kept)).changed).toBe(false);
  });

  it.each(["cats", "tables:cats", "column:cats", "webhook:a", "table:", "keystore"])(
    "that can be no name of data is refused: %s",
    async (name) => {
      const { status, text } = await put([], `?drop=table:cats,${name}`, project);
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({
        code: "invalid_request",
        errors: [
          {
            path: "drop",
            reason: `"${name}" names nothing that has data: write table:users, column:users.email or keystore:weather`,
          },
        ],
      });
      // Nothing was lost of the one that is right.
      expect((await apply("", table("cats", "name"))).changed).toBe(false);
    },
  );
});
