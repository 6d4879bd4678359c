import { beforeAll, describe, expect, it } from "vitest";
import { accessToken, issueApiKey, keyHeaders, type V1Credentials, v1, v1Credentials } from "../support/v1";
import { admin } from "../support/worker";

/** Tables of the v1 API (seed: *Tables*), over HTTP alone. */

const USERS = {
  table: "users",
  columns: {
    username: { type: "text", required: true, unique: true },
    password: "text",
    type: { type: "text", default: "user" },
    age: { type: "integer", index: true },
  },
  indexes: [["type", "age"]],
};

const MISC = {
  table: "misc",
  columns: {
    note: "text",
    big: "integer",
    ratio: "real",
    active: "boolean",
    day: "date",
    moment: "datetime",
    extra: "json",
  },
};

interface Page {
  data: Record<string, unknown>[];
  total: number;
  start_at: number;
  next_element: number;
  limit: number;
  offset: number;
  max_results: number;
  max_results_exact?: boolean;
  next_cursor?: string | null;
}

let credentials: V1Credentials;
let keyed: Record<string, string>;

async function apply(tables: unknown[], query = "", project = "tables"): Promise<Response> {
  return admin("PUT", `/projects/${project}${query}`, { tables });
}

async function page(response: Response): Promise<Page> {
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json<Page>();
}

const insert = async (table: string, body: unknown) =>
  page(await v1("POST", `/tables/${table}`, keyed, body));
const search = async (table: string, body: unknown) =>
  page(await v1("POST", `/tables/${table}/search`, keyed, body));
const where = (field: string, operator: string, value?: unknown) => ({
  where: { condition: "AND", rules: [{ field, operator, ...(value === undefined ? {} : { value }) }] },
});

async function refused(response: Response, status = 400): Promise<string> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  const body = JSON.parse(text) as { error: { message: string } };
  expect(body).toMatchObject({ id: "error", code: status, resource: [] });
  return body.error.message;
}

beforeAll(async () => {
  credentials = await v1Credentials("tables");
  keyed = { "x-apikey": credentials.apiKey };
  const applied = await apply([USERS, MISC]);
  if (!applied.ok) throw new Error(await applied.text());
});

describe("the forms that the seed prints", () => {
  let id: string;

  it("inserts a row from its columns, by API key and by OAuth", async () => {
    const body = { username: "newuser", password: "jsytd6756d5s", age: 23 };
    const answer = await v1("POST", "/tables/users/", keyed, body);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    const found = await answer.json<Page>();
    const row = found.data[0] as Record<string, unknown>;
    expect(found).toEqual({
      data: [
        {
          id: expect.stringMatching(/^\d+$/),
          date_created: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
          date_updated: row.date_created,
          username: "newuser",
          password: "jsytd6756d5s",
          type: "user",
          age: 23,
        },
      ],
      total: 1,
      start_at: 0,
      next_element: 0,
      limit: 100,
      offset: 0,
      max_results: 0,
    });
    id = row.id as string;
    const { access } = await accessToken(credentials);
    const token = { authorization: `Bearer ${access}` };
    expect((await v1("POST", "/tables/users/", token, { ...body, username: "by-token" })).status).toBe(200);
    expect((await v1("GET", `/tables/users/${id}`, token)).status).toBe(200);
  });

  it("inserts a row from `columns`, with an id in the path that the row does not get", async () => {
    const columns = [
      { column_name: "username", column_value: "alternative" },
      { column_name: "password", column_value: "jsytd6756d5s" },
      { column_name: "age", column_value: 23 },
    ];
    const found = await page(await v1("POST", `/tables/users/${id}`, keyed, { columns }));
    expect(found.data).toMatchObject([{ username: "alternative", age: 23 }]);
    expect(found.data[0]?.id).not.toBe(id);
  });

  it("gets a row by its id, by header and by URL", async () => {
    const expected = {
      data: [{ id, username: "newuser", password: "jsytd6756d5s", type: "user", age: 23 }],
      total: 1,
      start_at: 0,
      next_element: 1,
      limit: 100,
      offset: 0,
      max_results: 1,
    };
    expect(await page(await v1("GET", `/tables/users/${id}`, keyed))).toMatchObject(expected);
    const byUrl = await v1("GET", `/tables/users/${id}?api_key=${credentials.apiKey}`);
    expect(await page(byUrl)).toMatchObject(expected);
  });

  it("searches with rules, limit, offset and order", async () => {
    await insert("users", [
      { username: "a54", age: 54 },
      { username: "a45", age: 45 },
      { username: "a36", age: 36 },
    ]);
    const asked = { ...where("age", ">", "35"), limit: 2, offset: 0, order_field: "age", order_type: "desc" };
    const first = await search("users", asked);
    expect(first).toMatchObject({
      total: 2,
      start_at: 0,
      next_element: 2,
      limit: 2,
      offset: 0,
      max_results: 3,
    });
    expect(first.data.map(({ age }) => age)).toEqual([54, 45]);
    const second = await search("users", { ...asked, offset: first.next_element });
    expect(second).toMatchObject({
      total: 1,
      start_at: 2,
      next_element: 3,
      limit: 2,
      offset: 2,
      max_results: 3,
    });
    expect(second.data.map(({ age }) => age)).toEqual([36]);
  });

  it("updates the row with an id, and answers without rows", async () => {
    const body = {
      columns: [
        { column_name: "username", column_value: "newusername" },
        { column_name: "age", column_value: 102 },
      ],
      ...where("age", ">", "20"),
      limit: 2,
      offset: 2,
      order_field: "age",
      order_type: "desc",
    };
    const answer = await v1("PUT", `/tables/users/${id}`, keyed, body);
    expect(await page(answer)).toEqual({
      data: [],
      total: 1,
      start_at: 0,
      next_element: 0,
      limit: 100,
      offset: 0,
      max_results: 0,
    });
    const after = await page(await v1("GET", `/tables/users/${id}`, keyed));
    expect(after.data).toMatchObject([{ username: "newusername", age: 102 }]);
  });

  it("updates by rules, with limit, offset and order", async () => {
    const body = {
      columns: [{ column_name: "type", column_value: "middle" }],
      ...where("username", "in", ["a54", "a45", "a36"]),
      limit: 1,
      offset: 1,
      order_field: "age",
      order_type: "desc",
    };
    expect(await page(await v1("PUT", "/tables/users", keyed, body))).toMatchObject({ data: [], total: 1 });
    const found = await search("users", where("type", "=", "middle"));
    expect(found.data.map(({ username }) => username)).toEqual(["a45"]);
  });

  it("deletes a row", async () => {
    const answer = await v1("DELETE", `/tables/users/${id}`, keyed);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      id: "ok",
      code: 200,
      "request-ip": "127.0.0.1",
      resource: 1,
      message: `Successfully deleted row ${id} in table users`,
      error: null,
    });
    expect(await refused(await v1("DELETE", `/tables/users/${id}`, keyed), 404)).toContain(id);
    await refused(await v1("GET", `/tables/users/${id}`, keyed), 404);
    await refused(await v1("PUT", `/tables/users/${id}`, keyed, { age: 1 }), 404);
  });

  it("speaks XML as it speaks JSON", async () => {
    const xml = { ...keyed, "content-type": "application/xml" };
    const inserted = await v1(
      "POST",
      "/tables/users/",
      xml,
      "<row><username>xml &amp; co</username><age>61</age><password/></row>",
    );
    expect(inserted.status).toBe(200);
    expect(inserted.headers.get("content-type")).toMatch(/^application\/xml/);
    const text = await inserted.text();
    expect(text).toContain("<username>xml &amp; co</username>");
    expect(text).toContain("<age>61</age>");
    expect(text).toContain("<total>1</total>");
    const columns = await v1(
      "POST",
      "/tables/users/1",
      xml,
      "<row><columns><column_name>username</column_name><column_value>xml two</column_value></columns><columns><column_name>age</column_name><column_value>62</column_value></columns></row>",
    );
    expect(await columns.text()).toContain("<age>62</age>");
    const found = await v1(
      "POST",
      "/tables/users/search",
      { ...xml, accept: "application/json" },
      "<search><where><condition>AND</condition><rules><field>age</field><operator>between</operator><value>61</value><value>62</value></rules></where><limit>1</limit><order_field>age</order_field><order_type>desc</order_type></search>",
    );
    expect(await found.json()).toMatchObject({ data: [{ username: "xml two" }], total: 1, max_results: 2 });
  });
});

describe("searching", () => {
  beforeAll(async () => {
    await apply([
      USERS,
      MISC,
      { table: "words", columns: { word: { type: "text", index: true }, n: "integer", extra: "json" } },
    ]);
    await insert("words", [
      { word: "apple", n: 1 },
      { word: "Äpfel", n: 2 },
      { word: "banana", n: 3 },
      { word: "", n: 4 },
      { word: null, n: null },
      { word: "100% sure_", n: 6 },
      { word: "a\u{10ffff}z", n: 7 },
    ]);
  });

  const count = async (field: string, operator: string, value?: unknown) =>
    (await search("words", where(field, operator, value))).max_results;

  it("knows every operator, and an operator and its opposite find every row", async () => {
    const cases: [string, string, string, unknown, number][] = [
      ["word", "=", "!=", "apple", 1],
      ["word", "=", "<>", "apple", 1],
      ["word", "begins_with", "not_begins_with", "a", 2],
      ["word", "begins_with", "not_begins_with", "a\u{10ffff}", 1],
      ["word", "begins_with", "not_begins_with", "", 6],
      ["word", "ends_with", "not_ends_with", "a", 1],
      ["word", "ends_with", "not_ends_with", "fel", 1],
      ["word", "contains", "not_contains", "%", 1],
      ["word", "contains", "not_contains", "_", 1],
      ["word", "in", "not_in", ["apple", "banana", "none"], 2],
      ["word", "in", "not_in", [], 0],
      ["word", "is_empty", "is_not_empty", undefined, 2],
      ["n", "is_empty", "is_not_empty", undefined, 1],
      ["n", "between", "not_between", [2, 4], 3],
      ["n", "between", "not_between", ["2", "4"], 3],
      ["n", "=", "!=", null, 1],
      ["n", "contains", "not_contains", 1, 1],
    ];
    for (const [field, operator, opposite, value, expected] of cases) {
      const found = await count(field, operator, value);
      expect([operator, value, found]).toEqual([operator, value, expected]);
      expect([opposite, value, found + (await count(field, opposite, value))]).toEqual([opposite, value, 7]);
    }
    for (const [operator, expected] of [
      ["<", 2],
      [">", 3],
      ["<=", 3],
      ["=>", 4],
      [">=", 4],
    ] as const) {
      expect([operator, await count("n", operator, 3)]).toEqual([operator, expected]);
    }
  });

  it("nests rules", async () => {
    const found = await search("words", {
      where: {
        condition: "or",
        rules: [
          { field: "n", operator: "=", value: 1 },
          {
            condition: "and",
            rules: [
              { field: "n", operator: ">", value: 2 },
              { field: "n", operator: "<", value: 4 },
            ],
          },
        ],
      },
    });
    expect(found.data.map(({ n }) => n)).toEqual([1, 3]);
  });

  it("is right beyond what the database does in one go", async () => {
    const wide = (size: number) => ({
      condition: "OR",
      rules: Array.from({ length: size }, (_, index) => ({ field: "n", operator: "=", value: index - 100 })),
    });
    expect((await search("words", { where: wide(101) })).max_results).toBe(0);
    expect((await search("words", { where: wide(104) })).max_results).toBe(3);
    expect((await search("words", { where: wide(200) })).max_results).toBe(6);
    for (const size of [101, 10_000]) {
      const list = Array.from({ length: size }, (_, index) => (index === size - 1 ? "banana" : `w${index}`));
      expect(await count("word", "in", list)).toBe(1);
    }
    const long = "x".repeat(50_000);
    const { id } = (await insert("words", { word: `${long}!` })).data[0] as { id: string };
    for (const part of ["x".repeat(50), "x".repeat(51), long]) {
      for (const operator of ["contains", "begins_with"]) expect(await count("word", operator, part)).toBe(1);
      expect(await count("word", "ends_with", `${part}!`)).toBe(1);
    }
    await v1("DELETE", `/tables/words/${id}`, keyed);
    const message = await refused(await v1("POST", "/tables/words/search", keyed, { where: wide(5_000) }));
    expect(message).toContain("MAX_TABLE_RULES");
    const deep = `${'{"rules":['.repeat(5_000)}{"field":"n","operator":"=","value":1}${"]}".repeat(5_000)}`;
    await refused(await v1("POST", "/tables/words/search", keyed, `{"where":${deep}}`));
    const shallow = `${'{"rules":['.repeat(30)}{"field":"n","operator":"=","value":1}${"]}".repeat(30)}`;
    expect(await refused(await v1("POST", "/tables/words/search", keyed, `{"where":${shallow}}`))).toContain(
      "MAX_TABLE_RULE_DEPTH",
    );
  });

  it("refuses what it cannot read, and says why", async () => {
    const bad: [unknown, string][] = [
      [where("nme", "=", 1), "nme"],
      [where("wrd", "=", "x"), 'Did you mean "word"?'],
      [where("word", "LIKE", "x"), "operator"],
      [where("n", "between", [1]), "two values"],
      [where("n", "between", [1, 2, 3]), "two values"],
      [where("n", "between", 1), "two values"],
      [where("n", "=", "many"), "integer"],
      [where("n", "<", null), "is_empty"],
      [where("extra", "<", 1), "json"],
      [where("n", "="), "missing"],
      [{ where: { condition: "XOR", rules: [] } }, "AND nor OR"],
      [{ where: { rules: 5 } }, "list of rules"],
      [{ where: 5 }, "where"],
      [{ where: { field: "n", operatr: "=", value: 1 } }, 'Did you mean "operator"?'],
      [{ where: { ruels: [] } }, 'Did you mean "rules"?'],
      [{ where: { conditon: "OR", rules: [] } }, 'Did you mean "condition"?'],
      [{ where: { rules: [{ field: "n", operator: "=", vaule: 1 }] } }, 'Did you mean "value"?'],
      [{ order_field: "wrd" }, 'Did you mean "word"?'],
      [{ limit: -1 }, "limit"],
      [{ limit: 0 }, "limit"],
      [{ limit: "ten" }, "limit"],
      [{ limit: 1.5 }, "limit"],
      [{ offset: -1 }, "offset"],
      [{ offset: "x" }, "offset"],
      [{ offset: 1e9 }, "MAX_TABLE_OFFSET"],
      [{ order_field: "word; DROP TABLE users" }, "order_field"],
      [{ order_field: "rowid" }, "order_field"],
      [{ order_type: "sideways" }, "order_type"],
      [{ lmit: 5 }, 'Did you mean "limit"?'],
      [{ cursor: "not one" }, "cursor"],
      [[], "object"],
    ];
    for (const [body, words] of bad) {
      const message = await refused(await v1("POST", "/tables/words/search", keyed, body));
      expect(message).toContain(words);
    }
    expect((await search("words", { limit: 1e9 })).limit).toBe(100);
    await refused(await v1("GET", "/tables/nowhere/1", keyed), 404);
    for (const table of ["sqlite_master", "_cf_KV", "resources", "t1_users", "users;--", "%22users%22"])
      await refused(await v1("POST", `/tables/${table}/search`, keyed, {}), 404);
  });

  it("goes on with cursors in every order, rows without a value included", async () => {
    for (const [order_field, order_type] of [
      ["id", "asc"],
      ["id", "desc"],
      ["word", "asc"],
      ["word", "desc"],
      ["n", "asc"],
      ["n", "desc"],
      ["date_created", "desc"],
    ]) {
      const all = await search("words", { order_field, order_type });
      const seen: unknown[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const next: Page = await search("words", { order_field, order_type, limit: 2, cursor });
        expect(next.max_results).toBe(7);
        seen.push(...next.data.map(({ id }) => id));
        cursor = next.next_cursor ?? null;
      }
      expect(seen).toEqual(all.data.map(({ id }) => id));
    }
    const { next_cursor: cursor } = await search("words", { limit: 2, cursor: null });
    await refused(await v1("POST", "/tables/words/search", keyed, { cursor, order_type: "desc" }));
  });

  it("lists rows with GET, selects fields, and answers 304", async () => {
    const listed = await page(
      await v1("GET", "/tables/words?limit=2&order_field=n&order_type=desc&fields=n", keyed),
    );
    expect(listed.data).toEqual([{ n: 7 }, { n: 6 }]);
    const first = await v1("GET", "/tables/words/1", keyed);
    const tag = first.headers.get("etag") as string;
    expect(first.headers.get("last-modified")).not.toBeNull();
    expect((await v1("GET", "/tables/words/1", { ...keyed, "if-none-match": tag })).status).toBe(304);
    expect((await v1("HEAD", "/tables/words/1", keyed)).status).toBe(200);
  });
});

describe("values", () => {
  const roundTrip = async (values: Record<string, unknown>) => {
    const inserted = await insert("misc", values);
    const { id } = inserted.data[0] as { id: string };
    const read = await page(await v1("GET", `/tables/misc/${id}`, keyed));
    expect(read.data).toEqual(inserted.data);
    return read.data[0] as Record<string, unknown>;
  };

  it("come back exactly as they were written", async () => {
    const cases: Record<string, unknown>[] = [
      { note: "" },
      { note: null },
      { note: "naïve 日本語 🏳️‍🌈 \t\r\n '\"; DROP TABLE users; --" },
      { note: "x".repeat(1_000_000) },
      { big: 9007199254740991 },
      { big: -9007199254740991 },
      { big: "9223372036854775807" },
      { big: "-9223372036854775808" },
      { ratio: 0.1 },
      { ratio: 1.7976931348623157e308 },
      { ratio: 5e-324 },
      { active: true },
      { active: false },
      { day: "2024-02-29" },
      { moment: "2019-04-09 15:31:21" },
      { moment: "2019-04-09 15:31:21.123456789" },
      { extra: { a: [1, null, "\u0000 \ud800"], __proto: 1 } },
      { extra: "text" },
      { extra: [] },
    ];
    for (const values of cases) expect(await roundTrip(values)).toMatchObject(values);
    const many = await insert("misc", cases);
    expect(many.total).toBe(cases.length);
    for (const [index, values] of cases.entries()) expect(many.data[index]).toMatchObject(values);
    for (const row of many.data.slice(4, 12)) {
      const read = await page(await v1("GET", `/tables/misc/${row.id}`, keyed));
      expect(read.data[0]).toEqual(row);
    }
  });

  it("with a zone are the same moment in UTC; texts are read as their column's type where that is exact", async () => {
    expect(await roundTrip({ moment: "2024-05-01T10:00:00+02:00" })).toMatchObject({
      moment: "2024-05-01 08:00:00",
    });
    expect(await roundTrip({ moment: "2024-05-01T00:30:00.5Z" })).toMatchObject({
      moment: "2024-05-01 00:30:00.5",
    });
    expect(await roundTrip({ big: "18", ratio: "1.5", active: "true" })).toMatchObject({
      big: 18,
      ratio: 1.5,
      active: true,
    });
  });

  it("that cannot be kept are refused with the column and the reason", async () => {
    const bad: [Record<string, unknown> | string, string][] = [
      [{ note: 5 }, "note: is 5 where text is due"],
      [{ note: "a\0b" }, "note: has a NUL"],
      ['{"note":"a\\ud800"}', "note: has half of a surrogate pair"],
      [{ note: "x".repeat(1_600_000) }, "MAX_TABLE_VALUE_BYTES"],
      [{ big: 1.5 }, "big: is 1.5 where an integer is due"],
      [{ big: "9223372036854775808" }, "big: does not fit into 64 bits"],
      ['{"big":9007199254740993}', "9007199254740993"],
      [{ big: "" }, "big: is an empty string"],
      [{ big: true }, "big: is true"],
      [{ ratio: "1e999" }, "ratio"],
      [{ ratio: "0.12345678901234567890" }, "ratio"],
      [{ active: "yes" }, "active"],
      [{ day: "2024-02-30" }, "day"],
      [{ day: "01/02/2024" }, "day"],
      [{ moment: "2024-02-30 00:00:00" }, "moment"],
      [{ moment: "yesterday" }, "moment"],
      [{ nte: "x" }, 'Did you mean "note"?'],
      [{ date_created: "2024-01-01 00:00:00" }, "date_created"],
      [{ rowid: 1 }, "rowid"],
      [{ __proto__x: 1 }, "__proto__x"],
      [{ columns: [{ column_name: "note" }] }, "column_value"],
      [
        {
          columns: [
            { column_name: "note", column_value: "a" },
            { column_name: "note", column_value: "b" },
          ],
        },
        "twice",
      ],
      ["5", "row is due"],
      ["[]", "nothing to write"],
    ];
    const before = (await search("misc", {})).max_results;
    for (const [body, words] of bad) {
      expect(await refused(await v1("POST", "/tables/misc", keyed, body))).toContain(words);
    }
    expect(await refused(await v1("POST", "/tables/users", keyed, { age: 5 }))).toContain(
      "username: is missing",
    );
    expect(await refused(await v1("POST", "/tables/users", keyed, { username: null }))).toContain("required");
    const rows = [{ note: "fine" }, { note: 5 }];
    expect(await refused(await v1("POST", "/tables/misc", keyed, rows))).toContain("[1].note");
    expect((await search("misc", {})).max_results).toBe(before);
  });
});

describe("writing", () => {
  it("lets exactly one of fifty have a unique value", async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => v1("POST", "/tables/users", keyed, { username: "wanted", age: 1 })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(49);
    expect(await refused(answers.find(({ status }) => status === 409) as Response, 409)).toContain(
      '"username"',
    );
  });

  it("writes all rows of a list or none", async () => {
    const rows = [{ username: "list-1" }, { username: "list-2" }, { username: "wanted" }];
    await refused(await v1("POST", "/tables/users", keyed, rows), 409);
    expect((await search("users", where("username", "begins_with", "list-"))).max_results).toBe(0);
    const big = Array.from({ length: 5_000 }, (_, index) => ({ username: `bulk-${index}`, age: index }));
    const inserted = await insert("users", big);
    expect(inserted.total).toBe(5_000);
    expect(inserted.data[4_999]).toMatchObject({ username: "bulk-4999", age: 4_999 });
    const last = await page(await v1("GET", `/tables/users/${inserted.data[4_999]?.id}`, keyed));
    expect(last.data).toMatchObject([{ username: "bulk-4999" }]);
    const more = await v1("POST", "/tables/users", keyed, [...big, { username: "one more" }]);
    expect(await refused(more)).toContain("MAX_TABLE_ROWS");
  });

  it("upserts by unique columns", async () => {
    const upsert = (body: unknown) => v1("POST", "/tables/users/upsert", keyed, body);
    await insert("users", { username: "known", age: 1, password: "kept" });
    const done = await page(
      await upsert({
        on: ["username"],
        rows: [
          { username: "fresh", age: 7 },
          { username: "known", age: 2 },
        ],
      }),
    );
    expect(done.data).toMatchObject([
      { username: "fresh", age: 7, type: "user" },
      { username: "known", age: 2, password: "kept" },
    ]);
    expect(await refused(await upsert({ on: ["age"], rows: [{ username: "x", age: 1 }] }))).toContain(
      "username",
    );
    await refused(await upsert({ rows: [{ username: "x" }] }));
    await refused(await upsert({ on: ["username"], rows: [{ age: 5 }] }));
  });

  it("takes and gives CSV", async () => {
    const csv = { ...keyed, "content-type": "text/csv" };
    const inserted = await v1("POST", "/tables/users", csv, 'username,age\r\n"csv, one",91\r\ncsv two,\r\n');
    expect(await page(inserted)).toMatchObject({ data: [{ username: "csv, one", age: 91 }, { age: null }] });
    await page(await v1("POST", "/tables/users/upsert?on=username", csv, "username,age\ncsv two,92\n"));
    const found = await v1(
      "POST",
      "/tables/users/search",
      { ...keyed, accept: "text/csv" },
      { ...where("username", "begins_with", "csv"), cursor: "", limit: 1 },
    );
    expect(found.headers.get("content-type")).toMatch(/^text\/csv/);
    expect(found.headers.get("x-next-cursor")).not.toBeNull();
    const [head, row] = (await found.text()).split("\r\n");
    expect(head).toBe("id,date_created,date_updated,username,password,type,age");
    expect(row).toMatch(/^\d+,.*,"csv, one",,user,91$/);
    expect(await refused(await v1("POST", "/tables/users", csv, "username,height\nx,1\n"))).toContain(
      "height",
    );
    await refused(await v1("POST", "/tables/users", { ...keyed, "content-type": "text/plain" }, "x"), 415);
  });

  it("aggregates", async () => {
    const ask = (body: unknown) => v1("POST", "/tables/words/aggregate", keyed, body);
    expect(await page(await ask({}))).toMatchObject({ data: [{ count: 7 }], total: 1, max_results: 1 });
    const figures = {
      rows: "count",
      filled: { count: "n" },
      sum: { sum: "n" },
      low: { min: "n" },
      top: { max: "word" },
    };
    expect((await page(await ask({ aggregates: figures }))).data).toEqual([
      { rows: 7, filled: 6, sum: 23, low: 1, top: "Äpfel" },
    ]);
    const grouped = await page(
      await v1("POST", "/tables/users/aggregate", keyed, {
        where: { field: "age", operator: "is_not_empty" },
        group_by: ["type"],
        aggregates: { n: "count", mean: { avg: "age" } },
        order_field: "n",
        order_type: "desc",
      }),
    );
    expect(grouped.data[0]).toMatchObject({ type: "user" });
    expect(grouped.max_results).toBe(grouped.data.length);
    for (const body of [
      { aggregates: { "n); DROP TABLE users; --": "count" } },
      { aggregates: { n: { sum: "word" } } },
      { aggregates: { n: { median: "n" } } },
      { group_by: ["wrd"] },
      { order_field: "n" },
    ]) {
      await refused(await ask(body));
    }
    await insert("misc", [{ big: "9223372036854775807" }, { big: "9223372036854775807" }]);
    const overflow = await v1("POST", "/tables/misc/aggregate", keyed, { aggregates: { n: { sum: "big" } } });
    expect(await refused(overflow)).toContain("64 bits");
  });

  it("gives a bookmark and takes it", async () => {
    const written = await v1("POST", "/tables/users", keyed, { username: "marked" });
    const bookmark = written.headers.get("x-d1-bookmark") as string;
    expect(bookmark).toMatch(/^[0-9a-f-]+$/);
    const read = await v1("GET", "/tables/users?limit=1", { ...keyed, "x-d1-bookmark": bookmark });
    expect(read.status).toBe(200);
    await refused(await v1("GET", "/tables/users?limit=1", { ...keyed, "x-d1-bookmark": "'; --" }));
  });

  it("needs credentials", async () => {
    await refused(await v1("GET", "/tables/users/1"), 401);
    await refused(await v1("GET", "/tables/users/1", { "x-apikey": "0".repeat(64) }), 401);
    expect((await v1("GET", "/tables/users?limit=1", keyHeaders(credentials))).status).toBe(200);
  });
});

describe("hostile names", () => {
  it("change nothing", async () => {
    keyed = { "x-apikey": await issueApiKey() };
    const names = Array.from({ length: 44 }, (_, index) => {
      const pieces = [
        "'",
        '"',
        "`",
        "; DROP TABLE t1_users; --",
        ") OR 1=1 --",
        "\u0000",
        "rowid",
        "]",
        "*",
        "/**/",
        "%",
      ];
      return `${pieces[index % pieces.length]}username${pieces[(index * 7 + 3) % pieces.length]}${index}`;
    });
    const before = (await search("users", {})).max_results;
    for (const name of names) {
      const answers = await Promise.all([
        v1("POST", "/tables/users/search", keyed, where(name, "=", "x")),
        v1("POST", "/tables/users/search", keyed, where("username", name, "x")),
        v1("POST", "/tables/users/search", keyed, { order_field: name }),
        v1("POST", "/tables/users/search", keyed, { order_type: name }),
        v1("POST", "/tables/users", keyed, { [name]: "x" }),
        v1("POST", "/tables/users/aggregate", keyed, { aggregates: { n: { max: name } } }),
        v1("POST", "/tables/users/aggregate", keyed, { group_by: [name] }),
        v1("PUT", "/tables/users", keyed, {
          columns: [{ column_name: name, column_value: 1 }],
          ...where("age", ">", 0),
        }),
      ]);
      expect([name, answers.map(({ status }) => status)]).toEqual([name, new Array(8).fill(400)]);
      if (name.includes("\u0000")) continue;
      expect((await search("users", where("username", "=", name))).max_results).toBe(0);
    }
    expect((await search("users", {})).max_results).toBe(before);
  }, 60_000);
});
