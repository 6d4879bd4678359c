import { beforeAll, describe, expect, test } from "vitest";
import { accessToken, issueApiKey, issueInterface, keyHeaders, v1 } from "../support/v1";
import { admin } from "../support/worker";

/** Every operation on tables and keystores under credentials that do not reach it; and bundles applied while rows come in. */

const WHERE = { where: { field: "n", operator: ">", value: 0 } };
/** Each operation of the two chapters: reading or writing, and a request that is right but for its credentials. */
const OPERATIONS: [name: string, needs: string, method: string, path: string, body?: unknown][] = [
  ["get a row", "tables.read", "GET", "/tables/guarded/1"],
  ["list rows", "tables.read", "GET", "/tables/guarded"],
  ["search rows", "tables.read", "POST", "/tables/guarded/search", WHERE],
  ["aggregate rows", "tables.read", "POST", "/tables/guarded/aggregate", { aggregates: { n: "count" } }],
  ["insert a row", "tables", "POST", "/tables/guarded", { n: 9 }],
  [
    "insert a row, in its other form",
    "tables",
    "POST",
    "/tables/guarded/1",
    { columns: [{ column_name: "n", column_value: 9 }] },
  ],
  ["upsert rows", "tables", "POST", "/tables/guarded/upsert", { on: ["id"], rows: [{ id: 1, n: 9 }] }],
  ["update a row", "tables", "PUT", "/tables/guarded/1", { n: 9 }],
  [
    "update rows",
    "tables",
    "PUT",
    "/tables/guarded",
    { columns: [{ column_name: "n", column_value: 9 }], ...WHERE },
  ],
  ["delete a row", "tables", "DELETE", "/tables/guarded/1"],
  ["get a key", "keystore.read", "GET", "/keystore/guarded/there"],
  ["get a key that is not there", "keystore.read", "GET", "/keystore/guarded/new"],
  ["search keys", "keystore.read", "POST", "/keystore/guarded", {}],
  ["insert a key", "keystore", "POST", "/keystore/guarded/new", { n: 9 }],
  ["put a key", "keystore", "PUT", "/keystore/guarded/there", { n: 9 }],
  ["delete a key", "keystore", "DELETE", "/keystore/guarded/there"],
];

let apiKey: string;
let whole: Record<string, string>;

async function state(): Promise<unknown> {
  const rows = await (await v1("POST", "/tables/guarded/search", whole, {})).json<{ data: unknown }>();
  return [rows.data, await (await v1("POST", "/keystore/guarded", whole, {})).json()];
}

beforeAll(async () => {
  apiKey = await issueApiKey();
  whole = { "x-apikey": apiKey };
  const applied = await admin("PUT", "/projects/guarded", {
    tables: [{ table: "guarded", columns: { n: "integer" }, seed: [{ n: 1 }] }],
    keystores: [{ keystore: "guarded" }],
  });
  expect(applied.status).toBe(201);
  expect((await v1("PUT", "/keystore/guarded/there", whole, { n: 1 })).status).toBe(200);
});

/** Asks all of them, and looks that nothing has changed. */
async function expectAll(
  headers: Record<string, string>,
  expected: (needs: string) => number | undefined,
  code?: number,
): Promise<void> {
  const before = await state();
  for (const [name, needs, method, path, body] of OPERATIONS) {
    const status = expected(needs);
    if (status === undefined) continue;
    const answer = await v1(method, path, headers, body);
    expect([name, answer.status]).toEqual([name, status]);
    const told = await answer.json<{ resource: unknown; error: { code: number } }>();
    expect([name, told.resource]).toEqual([name, []]);
    if (code !== undefined) expect([name, told.error.code]).toEqual([name, code]);
  }
  expect(await state()).toEqual(before);
}

describe("every operation is refused, and changes nothing,", () => {
  test("without credentials, and with wrong ones", async () => {
    await expectAll({}, () => 401);
    await expectAll({ "x-apikey": "wrong" }, () => 401);
    await expectAll({ "x-apikey": `${apiKey}0` }, () => 401);
    await expectAll({ authorization: "Bearer 00ff" }, () => 403, 436);
  });

  test("with the organization's own key, which opens environments only", async () => {
    await expectAll({ "x-apikey": await issueApiKey("organization") }, () => 401);
  });

  test("with a key that has expired", async () => {
    await expectAll({ "x-apikey": await issueApiKey("data", 1, 1) }, () => 401);
  });

  test("with another organization's key: as if there were no such table and no such keystore", async () => {
    const made = await admin("POST", "/organizations", { name: "stranger" });
    expect(made.status).toBe(201);
    const { id } = await made.json<{ id: number }>();
    await expectAll({ "x-apikey": await issueApiKey("data", id) }, () => 404);
  });

  test("with scopes that do not reach it; reading scopes reach reading alone", async () => {
    for (const scopes of [
      ["record"],
      ["schema", "webhook"],
      ["tables.read"],
      ["keystore.read"],
      ["tables"],
      ["keystore"],
    ]) {
      const known = await issueInterface(`scoped-${scopes.join("-")}`, { scopes });
      const { access } = await accessToken(known);
      for (const headers of [
        keyHeaders({ apiKey, name: known.name }),
        { authorization: `Bearer ${access}` },
      ]) {
        const reaches = (needs: string) =>
          scopes.some((scope) => scope === needs || `${scope}.read` === needs);
        await expectAll(headers, (needs) => (reaches(needs) ? undefined : 403));
      }
    }
  });

  test("with fewer scopes asked for than it needs, or more than the interface has", async () => {
    const { name } = await issueInterface("asks", { scopes: ["tables", "keystore.read"] });
    const headers = keyHeaders({ apiKey, name });
    await expectAll({ ...headers, "x-scopes": "keystore.read" }, (needs) =>
      needs === "keystore.read" ? undefined : 403,
    );
    await expectAll({ ...headers, "x-scopes": "tables keystore" }, () => 403);
    await expectAll({ ...headers, "x-scopes": "*" }, () => 403);
  });

  test("for an interface that there is not, and for one that takes tokens only", async () => {
    await expectAll(keyHeaders({ apiKey, name: "nobody" }), () => 401);
    const { name } = await issueInterface("tokens-only", { access: "oauth" });
    await expectAll(keyHeaders({ apiKey, name }), () => 401);
  });

  test("from an address that the interface does not list", async () => {
    const { name } = await issueInterface("listed", { ipAllowList: ["192.0.2.0/24"] });
    const headers = { ...keyHeaders({ apiKey, name }), "x-forwarded-for": "192.0.2.7" };
    await expectAll({ ...headers, "cf-connecting-ip": "198.51.100.1" }, () => 403, 437);
  });
});

describe("a bundle that is applied while rows come in", () => {
  const column = (more: object) => ({
    tables: [{ table: "busy", columns: { n: { type: "integer", ...more } }, indexes: [] }],
  });
  const apply = (project: string, bundle: object, query = "") =>
    admin("PUT", `/projects/${project}${query}`, bundle);
  const rows = async (): Promise<number[]> => {
    const found: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { data: { n: number }[]; next_cursor: string | null } = await (
        await v1("POST", "/tables/busy/search", whole, { cursor })
      ).json();
      found.push(...page.data.map(({ n }) => n));
      cursor = page.next_cursor;
    }
    return found;
  };

  test("and makes a column unique, is refused or refuses the repeated rows; nothing is half done", async () => {
    expect((await apply("busy", column({}))).status).toBe(201);
    for (let round = 0; round < 12; round += 1) {
      const n = round * 10;
      const inserts = Array.from({ length: 6 }, () => v1("POST", "/tables/busy", whole, { n }));
      const [applied, ...answers] = await Promise.all([apply("busy", column({ unique: true })), ...inserts]);
      const statuses = answers.map(({ status }) => status);
      // 409: the value is taken, or the table is being changed.
      for (const status of statuses) expect([200, 409]).toContain(status);
      expect([200, 409, 422]).toContain(applied?.status);
      const written = statuses.filter((status) => status === 200).length;
      const found = (await rows()).filter((each) => each === n).length;
      expect(found).toBe(written);
      const unique = applied?.status === 200;
      if (unique) expect(found).toBeLessThanOrEqual(1);
      // What the table is says what the next row may be.
      const again = await v1("POST", "/tables/busy", whole, { n });
      expect(again.status).toBe(unique && found > 0 ? 409 : 200);
      expect((await apply("busy", column({}))).status).toBe(200);
      for (const { id } of (
        await (await v1("POST", "/tables/busy/search", whole, {})).json<{ data: { id: string }[] }>()
      ).data)
        await v1("DELETE", `/tables/busy/${id}`, whole);
    }
  }, 60_000);

  test("as others are at the same moment: one after the other, and every row that was acknowledged is there", async () => {
    const bundle = (version: number) => ({
      tables: [
        {
          table: "moving",
          columns: {
            n: "integer",
            ...Object.fromEntries(Array.from({ length: version }, (_, index) => [`c${index}`, "text"])),
          },
        },
      ],
    });
    expect((await apply("moving", bundle(0))).status).toBe(201);
    const applies = Array.from({ length: 5 }, (_, index) => apply("moving", bundle(index + 1)));
    const inserts = Array.from({ length: 40 }, (_, n) => v1("POST", "/tables/moving", whole, { n }));
    const applied = (await Promise.all(applies)).map(({ status }) => status);
    const inserted = (await Promise.all(inserts)).map(({ status }) => status);
    for (const status of applied) expect([200, 409, 422]).toContain(status);
    expect(applied).toContain(200);
    for (const status of inserted) expect([200, 409]).toContain(status);
    const { max_results } = await (await v1("POST", "/tables/moving/search", whole, {})).json<{
      max_results: number;
    }>();
    expect(max_results).toBe(inserted.filter((status) => status === 200).length);
    // What is declared is what there is.
    const { tables } = await (await admin("GET", "/projects/moving")).json<{
      tables: { columns: object }[];
    }>();
    const row = await (await v1("GET", "/tables/moving?limit=1", whole)).json<{ data: object[] }>();
    expect(
      Object.keys(row.data[0] ?? {})
        .slice(3)
        .sort(),
    ).toEqual(Object.keys(tables[0]?.columns ?? {}).sort());
  }, 60_000);
});
