import { beforeAll, describe, expect, it } from "vitest";
import { issueApiKey, v1 } from "../support/v1";
import { admin } from "../support/worker";

/** Values at their bounds and in every format, through tables and keystores alike, over HTTP alone. */

let keyed: Record<string, string>;
let xml: Record<string, string>;
let csv: Record<string, string>;

interface Page {
  data: Record<string, unknown>[];
  next_cursor?: string | null;
}

beforeAll(async () => {
  keyed = { "x-apikey": await issueApiKey() };
  xml = { ...keyed, "content-type": "application/xml", accept: "application/json" };
  csv = { ...keyed, "content-type": "text/csv" };
  const columns = {
    note: { type: "text", default: "none" },
    big: { type: "integer", index: true },
    moment: "datetime",
    active: "boolean",
    extra: "json",
    name: { type: "text", unique: true },
  };
  const applied = await admin("PUT", "/projects/values", {
    tables: [{ table: "kept", columns }],
    keystores: [{ keystore: "docs" }, { keystore: "texts", type: "raw" }],
  });
  if (!applied.ok) throw new Error(await applied.text());
});

async function page(answer: Response): Promise<Page> {
  const text = await answer.text();
  expect([answer.status, answer.status === 200 ? "" : text]).toEqual([200, ""]);
  return JSON.parse(text) as Page;
}

const found = async (field: string, operator: string, value?: unknown): Promise<unknown[]> => {
  const rules = [{ field, operator, ...(value === undefined ? {} : { value }) }];
  const answer = await v1("POST", "/tables/kept/search?fields=note", keyed, { where: { rules } });
  return (await page(answer)).data.map(({ note }) => note);
};

describe("a table's rows in XML", () => {
  it("are lists of `item` or of `row`, and lists of one too", async () => {
    const row = (name: string) => `<name>${name}</name><big>1</big>`;
    for (const [body, expected] of [
      [`<rows><item>${row("i1")}</item><item>${row("i2")}</item></rows>`, ["i1", "i2"]],
      [`<rows><row>${row("r1")}</row><row>${row("r2")}</row></rows>`, ["r1", "r2"]],
      [`<rows><row>${row("r3")}</row></rows>`, ["r3"]],
    ] as const) {
      const { data } = await page(await v1("POST", "/tables/kept", xml, body));
      expect(data.map(({ name, big }) => [name, big])).toEqual(expected.map((name) => [name, 1]));
    }
    const upserts = `<r><on>name</on><rows><row><name>r1</name><big>7</big></row><row>${row("r4")}</row></rows></r>`;
    const { data } = await page(await v1("POST", "/tables/kept/upsert", xml, upserts));
    expect(data).toMatchObject([
      { name: "r1", big: 7 },
      { name: "r4", big: 1 },
    ]);
  });

  it("take the form with columns, rules and values with one element or many, however they are grouped", async () => {
    const pair = (name: string, value: string) =>
      `<column_name>${name}</column_name><column_value>${value}</column_value>`;
    for (const [index, columns] of [
      `<columns>${pair("name", "c0")}</columns>`,
      `<columns><item>${pair("name", "c1")}</item><item>${pair("note", "x")}</item></columns>`,
      `<columns><column>${pair("name", "c2")}</column><column>${pair("note", "x")}</column></columns>`,
      `<columns><column>${pair("name", "c3")}</column></columns>`,
    ].entries()) {
      const { data } = await page(await v1("POST", "/tables/kept", xml, `<row>${columns}</row>`));
      expect(data).toMatchObject([{ name: `c${index}` }]);
    }
    const rule = "<field>name</field><operator>in</operator><value>c1</value><value>c2</value>";
    for (const rules of [rule, `<item>${rule}</item>`, `<rule>${rule}</rule>`]) {
      const asked = `<s><where><rules>${rules}</rules></where></s>`;
      const { data } = await page(await v1("POST", "/tables/kept/search?fields=name", xml, asked));
      expect(data).toEqual([{ name: "c1" }, { name: "c2" }]);
    }
    const change = `<u><columns><column>${pair("note", "both")}</column></columns><where><rules>${rule}</rules></where></u>`;
    expect(await page(await v1("PUT", "/tables/kept", xml, change))).toMatchObject({ total: 2, data: [] });
    expect(await found("note", "=", "both")).toHaveLength(2);
  });

  it("go out with null and the empty text as an empty element, and a page without rows as an empty list", async () => {
    const answer = await v1(
      "POST",
      "/tables/kept/search?fields=data",
      { ...keyed, accept: "application/xml" },
      { where: { rules: [{ field: "name", operator: "=", value: "nobody" }] } },
    );
    expect(await answer.text()).toContain("<data/><total>0</total>");
    const one = await v1("POST", "/tables/kept", { ...xml, accept: "application/xml" }, "<r><big/></r>");
    expect(await one.text()).toContain("<note>none</note><big/><moment/>");
  });
});

describe("a table's rows in CSV", () => {
  it("come back as they went out: quotes, lines, 64 bits, truth, moments, JSON", async () => {
    const row = {
      note: 'a "b",\r\nc',
      big: "9007199254740993",
      moment: "2024-05-01 08:00:00.5",
      active: false,
      extra: { a: [1, null, "x"] },
      name: "",
    };
    const { data } = await page(await v1("POST", "/tables/kept", keyed, row));
    const asked = { where: { field: "id", operator: "=", value: data[0]?.id } };
    const out = await v1("POST", "/tables/kept/search", { ...keyed, accept: "text/csv" }, asked);
    const [head = "", ...lines] = (await out.text()).split("\r\n");
    expect(head).toBe("id,date_created,date_updated,note,big,moment,active,extra,name");
    const without = (line: string) => line.split(",").slice(3).join(",");
    const file = [without(head), without(lines.join("\r\n"))].join("\r\n");
    // Its name is unique.
    expect((await v1("DELETE", `/tables/kept/${data[0]?.id}`, keyed)).status).toBe(200);
    const again = await page(await v1("POST", "/tables/kept", csv, file));
    expect(again.data).toEqual([
      {
        ...data[0],
        id: expect.any(String),
        date_created: expect.any(String),
        date_updated: expect.any(String),
      },
    ]);
  });

  it("tell what is wrong with the file, and keep words of a JSON column as text", async () => {
    for (const [file, words] of [
      ["note,note\n1,2\n", "twice"],
      ["note,big\n1,2,3\n", "3 values where 2 are due"],
      ["note,big\n1\n", "1 values where 2 are due"],
      ["note\n", "nothing to write"],
      ["note,big\nx,1.5\n", "[0].big"],
    ] as const) {
      const answer = await v1("POST", "/tables/kept", csv, file);
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(words)]);
    }
    const { data } = await page(await v1("POST", "/tables/kept", csv, "extra\nplain\n{broken\n12\n"));
    expect(data.map(({ extra }) => extra)).toEqual(["plain", "{broken", "12"]);
  });
});

describe("a table's values", () => {
  it("missing, null and empty are three things", async () => {
    const { data } = await page(await v1("POST", "/tables/kept", keyed, [{}, { note: null }, { note: "" }]));
    expect(data.map(({ note }) => note)).toEqual(["none", null, ""]);
    const last = data[2]?.id;
    await page(await v1("PUT", `/tables/kept/${last}`, keyed, { big: 5 }));
    expect((await page(await v1("GET", `/tables/kept/${last}`, keyed))).data).toMatchObject([
      { note: "", big: 5 },
    ]);
    await page(await v1("PUT", `/tables/kept/${last}`, keyed, { note: null, big: null }));
    expect((await page(await v1("GET", `/tables/kept/${last}`, keyed))).data).toMatchObject([
      { note: null, big: null },
    ]);
  });

  it("of 64 bits are found, ordered and paged through as the numbers that they are", async () => {
    const low = "-9223372036854775808";
    const [even, odd] = ["9007199254740992", "9007199254740993"];
    const rows = [odd, even, low].map((big) => ({ big, note: `n${big}` }));
    await page(await v1("POST", "/tables/kept", keyed, rows));
    const of = (...numbers: string[]) => numbers.map((number) => `n${number}`);
    const only = async (operator: string, value: unknown) =>
      (await found("big", operator, value)).filter((note) => /^n-?\d+$/.test(String(note)));
    expect(await only("=", even)).toEqual(of(even));
    expect(await only(">", even)).toEqual(of(odd));
    expect(await only("in", [odd, "12"])).toEqual(of(odd));
    expect(await only("not_in", [odd])).toEqual(of(even, low));
    expect(await only("between", [even, odd])).toEqual(of(odd, even));
    expect(await only("<=", low)).toEqual(of(low));
    expect(await only("contains", "0993")).toEqual(of(odd));
    const seen: unknown[] = [];
    const where = {
      rules: [
        { field: "note", operator: "begins_with", value: "n" },
        { field: "big", operator: "is_not_empty" },
        { rules: [{ field: "note", operator: "in", value: of(low, even, odd) }] },
      ],
    };
    for (let cursor: string | null | undefined = ""; typeof cursor === "string"; ) {
      const next: Page = await page(
        await v1("POST", "/tables/kept/search", keyed, { where, order_field: "big", cursor, limit: 1 }),
      );
      seen.push(...next.data.map(({ big }) => big));
      cursor = next.next_cursor;
    }
    expect(seen).toEqual([low, even, odd]);
  });

  it("with a zone are compared as moments", async () => {
    await page(
      await v1("POST", "/tables/kept", keyed, { note: "zoned", moment: "2030-05-01T10:00:00+02:00" }),
    );
    expect(await found("moment", "=", "2030-05-01T08:00:00Z")).toEqual(["zoned"]);
    expect(await found("moment", "=", "2030-05-01 03:00:00-05:00")).toEqual(["zoned"]);
    expect(
      await found("moment", "between", ["2030-05-01T09:59:59+02:00", "2030-05-01T10:00:01+02:00"]),
    ).toEqual(["zoned"]);
    expect(await found("moment", ">", "2030-05-01T10:00:00+02:00")).toEqual([]);
  });

  it("have 1,500,000 bytes at the most, and not one more", async () => {
    for (const [note, status] of [
      ["x".repeat(1_500_000), 200],
      ["x".repeat(1_500_001), 400],
      ["é".repeat(750_000), 200],
      [`${"é".repeat(750_000)}x`, 400],
    ] as const) {
      const answer = await v1("POST", "/tables/kept", keyed, { note });
      const text = await answer.text();
      expect(answer.status).toBe(status);
      if (status === 200) expect((JSON.parse(text) as Page).data[0]?.note === note).toBe(true);
      else expect(text).toContain("note: is larger than 1500000 bytes (MAX_TABLE_VALUE_BYTES)");
    }
  });
});

describe("a cursor", () => {
  it("goes on behind a text that is too large to travel; not when the row with it has changed or gone", async () => {
    const names = ["a", "b", "c"].map((letter) => letter.repeat(10_000));
    const { data } = await page(
      await v1(
        "POST",
        "/tables/kept",
        keyed,
        names.map((name) => ({ name, note: "long" })),
      ),
    );
    const ask = (cursor: string, order_type: string) =>
      v1("POST", "/tables/kept/search", keyed, {
        where: { rules: [{ field: "note", operator: "=", value: "long" }] },
        order_field: "name",
        order_type,
        limit: 1,
        cursor,
      });
    let first = "";
    for (const order_type of ["asc", "desc"]) {
      const seen: unknown[] = [];
      for (let cursor: string | null | undefined = ""; typeof cursor === "string"; ) {
        const next: Page = await page(await ask(cursor, order_type));
        seen.push(...next.data.map(({ name }) => name));
        if (cursor === "") first = next.next_cursor ?? "";
        cursor = next.next_cursor;
      }
      expect(seen).toEqual(order_type === "asc" ? names : [...names].reverse());
    }
    // The cursor behind the last name, in descending order.
    await page(await v1("PUT", `/tables/kept/${data[2]?.id}`, keyed, { name: "d" }));
    const changed = await ask(first, "desc");
    expect([changed.status, await changed.text()]).toEqual([400, expect.stringContaining("empty cursor")]);
    await v1("DELETE", `/tables/kept/${data[2]?.id}`, keyed);
    expect((await ask(first, "desc")).status).toBe(400);
  });
});

describe("a keystore's values", () => {
  const MOST = 5 * 1024 * 1024;
  it("have 5 MB at the most, and not one byte more", async () => {
    for (const [store, text, status] of [
      ["docs", JSON.stringify("x".repeat(MOST - 2)), 200],
      ["docs", JSON.stringify("x".repeat(MOST - 1)), 413],
      ["texts", "é".repeat(MOST / 2), 200],
      ["texts", `${"é".repeat(MOST / 2)}x`, 413],
    ] as const) {
      const headers = { ...keyed, "content-type": store === "docs" ? "application/json" : "text/plain" };
      const put = await v1("PUT", `/keystore/${store}/large`, headers, text);
      const told = await put.text();
      expect(put.status).toBe(status);
      if (status === 413) expect(told).toContain("MAX_KEYSTORE_VALUE_BYTES");
      else expect((await (await v1("GET", `/keystore/${store}/large`, headers)).text()) === text).toBe(true);
    }
  });

  it("are searched in XML, with one rule or many, one field or many, and groups of one", async () => {
    await v1("PUT", "/keystore/docs/lisbon", keyed, { city: "Lisbon", temp: 22 });
    const rule = "<field>city</field><operator>LIKE</operator><value>lis%</value>";
    const other = "<field>temp</field><operator>&gt;</operator><value>90</value>";
    const select = "<select><field>keystore.key</field><alias>K</alias></select>";
    for (const search of [
      `${select}<where><rules>${rule}</rules></where>`,
      `${select}<where><condition>OR</condition><rules>${rule}</rules><rules>${other}</rules></where>`,
      `${select}<where><condition>OR</condition><rules><rule>${rule}</rule><rule>${other}</rule></rules></where>`,
      `<select><item><field>key</field><alias>K</alias></item></select><where><rules><item>${rule}</item></rules></where>`,
      `${select}<where><rules><condition>and</condition><rules>${rule}</rules></rules></where>`,
    ]) {
      const answer = await v1("POST", "/keystore/docs", xml, `<search>${search}</search>`);
      expect([search, answer.status, await answer.json()]).toEqual([search, 200, [{ K: "lisbon" }]]);
    }
  });

  it("are found by patterns far beyond 50 bytes", async () => {
    const text = "é".repeat(100);
    await v1("PUT", "/keystore/texts/long", { ...keyed, "content-type": "text/plain" }, `<${text}>`);
    for (const [value, keys] of [
      [`%${text}%`, ["long"]],
      [`<${text}>`, ["long"]],
      [`%${text}é`, []],
    ] as const) {
      const where = {
        rules: [
          { field: "*", operator: "LIKE", value },
          { field: "key", operator: "=", value: "long" },
        ],
      };
      const answer = await v1("POST", "/keystore/texts", keyed, { select: [{ field: "key" }], where });
      expect(await answer.json()).toEqual(keys.map((key) => ({ key })));
    }
  });
});
