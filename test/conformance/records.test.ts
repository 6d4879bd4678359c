import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { FOUND_FIELDS } from "../support/record-fields";
import { applyFlows, caller, envelope } from "../support/records";
import { accessToken, keyHeaders, type V1Credentials, v1, v1Credentials } from "../support/v1";
import { admin, call } from "../support/worker";

let credentials: V1Credentials;
let client: ReturnType<typeof caller>;
let flows: Map<string, string>;
const DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

beforeAll(async () => {
  credentials = await v1Credentials("records");
  client = caller(credentials);
  flows = await applyFlows({
    mappedFields: [
      { field: "order", path: "$.order.no" },
      { field: "tag", path: "$.tags[*]" },
    ],
  });
});

let count = 0;
function fresh(): string {
  count += 1;
  return `own-${count}`;
}

/** The ways in which the seed sends credentials, with further parameters in each way's own spelling. */
async function forms(
  scopes: string,
  named: Record<string, [header: string, url: string, value: string]>,
): Promise<[string, Record<string, string>, string][]> {
  const { access } = await accessToken(credentials);
  const parameters = Object.values(named);
  const headers = Object.fromEntries(parameters.map(([header, , value]) => [header, value]));
  const query = parameters.map(([, name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
  return [
    ["OAuth", { authorization: `Bearer ${access}`, "x-scopes": scopes, ...headers }, ""],
    ["OAuth, as PHP sends it", { authentication: `Bearer ${access}`, ...headers }, ""],
    ["headers, interface by name", { ...keyHeaders(credentials), ...headers }, ""],
    [
      "headers, interface by key",
      { "x-apikey": credentials.apiKey, "x-app": credentials.appKey, ...headers },
      "",
    ],
    ["URL", {}, `?api_key=${credentials.apiKey}&app_key=${credentials.appKey}&scopes=${scopes}${query}`],
  ];
}

describe("insert", () => {
  it("in every form of credentials", async () => {
    for (const [form] of await forms("record", {})) {
      const uuid = fresh();
      const all = await forms("record", {
        flow: ["x-flow", "flow_name", "work"],
        uuid: ["x-uuid", "uuid", uuid],
        time: ["x-executiontime", "executiontime", ""],
      });
      const [, headers, query] = all.find(([name]) => name === form) as [
        string,
        Record<string, string>,
        string,
      ];
      const answer = await envelope(v1("POST", `/record${query}`, headers, { amount: 1 }), 201);
      expect(answer, form).toMatchObject({
        id: "created",
        code: 201,
        resource: {
          flow_id: flows.get("work"),
          flow_name: "work",
          data_record_id: uuid,
          data_record: { amount: 1 },
        },
        message: "Data Record is created successfully",
        error: null,
      });
    }
  });

  it("gives a uuid where none is given, and takes the flow by its id", async () => {
    const answer = await envelope<Record<string, string>>(
      client.call("POST", "/record", { "x-flow": flows.get("work") as string }, { amount: 1 }),
      201,
    );
    expect(answer.resource.data_record_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.resource.flow_name).toBe("work");
  });

  it("of a list: all or nothing, answered in the same order", async () => {
    const list = Array.from({ length: 5 }, (_, index) => ({ amount: index }));
    const answer = await envelope<{ data_record_id: string; data_record: unknown }[]>(
      client.call("POST", "/record", { "x-flow": "work" }, list),
      201,
    );
    expect(answer.resource.map(({ data_record }) => data_record)).toEqual(list);
    for (const { data_record_id } of answer.resource) await client.until(data_record_id, "2");
    const before = (await client.search({})).total;
    expect((await client.call("POST", "/record", { "x-flow": "work" }, [{ a: 1 }, 3])).status).toBe(400);
    expect((await client.call("POST", "/record", { "x-flow": "work" }, [])).status).toBe(400);
    const taken = answer.resource[0]?.data_record_id as string;
    const mixed = await client.call(
      "POST",
      "/record",
      { "x-flow": "work", "x-uuid": `${fresh()},${taken}` },
      [{}, {}],
    );
    expect((await envelope(mixed, 409)).error?.message).toContain(taken);
    expect((await client.search({})).total).toBe(before);
  });

  it("of a thousand at once", async () => {
    const list = Array.from({ length: 1_000 }, (_, index) => ({ amount: index }));
    const answer = await envelope<{ data_record_id: string; data_record: { amount: number } }[]>(
      client.call("POST", "/record", { "x-flow": "cheap" }, list),
      201,
    );
    expect(answer.resource.map(({ data_record }) => data_record.amount)).toEqual(
      list.map(({ amount }) => amount),
    );
    await expect
      .poll(async () => (await client.search({ "x-flow": "cheap", "x-datarecord-status": "2" })).total, {
        timeout: 30_000,
      })
      .toBeGreaterThanOrEqual(1_000);
    const { results } = await env.DB.prepare("SELECT count(*) AS n FROM runs WHERE flow = 'cheap'").all<{
      n: number;
    }>();
    expect(results[0]?.n).toBeLessThanOrEqual(1_000);
  }, 60_000);

  it("of one uuid fifty times at the same moment: one wins", async () => {
    const uuid = fresh();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        client.call("POST", "/record", { "x-flow": "work", "x-uuid": uuid }, { amount: 1 }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(49);
    await client.until(uuid, "2");
    expect((await client.search({ "x-uuid": uuid })).records[0]?.num_runs).toBe("1");
  });

  it("schedules, in each spelling of the time", async () => {
    const { apiKey, appKey } = credentials;
    const at = "2090-11-04T19:55:41Z";
    const key = `api_key=${apiKey}&app_key=${appKey}&flow_name=work`;
    for (const [headers, query] of [
      [{ ...keyHeaders(credentials), "x-flow": "work", "x-executiontime": at }, ""],
      [{}, `?${key}&executiontime=${at}`],
      [{}, `?${key}&realtime=${at}`],
      [{}, `?${key}&executiontime=${encodeURIComponent("2090-11-04T20:55:41+01:00")}`],
    ] as [Record<string, string>, string][]) {
      const answer = await envelope<Record<string, string>>(
        v1("POST", `/record${query}`, headers, { amount: 1 }),
        201,
      );
      const uuid = answer.resource.data_record_id as string;
      const { records } = await client.search({ "x-uuid": uuid });
      expect(records[0]).toMatchObject({
        flow_status: "4",
        flow_status_name: "Scheduled",
        date_next_run: "2090-11-04 19:55:41",
        num_runs: "0",
      });
    }
    const past = await client.insert("work", { amount: 1 }, { "x-executiontime": "2009-11-04T19:55:41Z" });
    await client.until(past, "2");
  });

  it.each<[string, Record<string, string>, unknown, number]>([
    ["no flow", {}, {}, 400],
    ["an unknown flow", { "x-flow": "nobody" }, {}, 404],
    ["a text", { "x-flow": "work" }, '"a"', 400],
    ["null", { "x-flow": "work" }, "null", 400],
    ["a number", { "x-flow": "work" }, "3", 400],
    ["no body", { "x-flow": "work" }, undefined, 400],
    ["half a document", { "x-flow": "work" }, '{"a":', 400],
    ["a bad uuid", { "x-flow": "work", "x-uuid": "../x" }, {}, 400],
    ["a uuid that is a path of the API", { "x-flow": "work", "x-uuid": "search" }, {}, 400],
    ["a uuid of 201 characters", { "x-flow": "work", "x-uuid": "a".repeat(201) }, {}, 400],
    ["a time that is none", { "x-flow": "work", "x-executiontime": "tomorrow" }, {}, 400],
    ["a day that there is not", { "x-flow": "work", "x-executiontime": "2090-02-30T00:00:00Z" }, {}, 400],
    ["a record that is too large", { "x-flow": "work" }, { a: "x".repeat(530_000) }, 413],
    ["another type", { "x-flow": "work", "content-type": "text/csv" }, "a;b", 415],
  ])("is refused: %s", async (_what, headers, body, status) => {
    const answer = await envelope(client.call("POST", "/record", headers, body), status);
    expect(answer).toMatchObject({ id: "error", resource: [], error: { code: status } });
    expect(answer.error?.message.length).toBeGreaterThan(10);
  });

  it("keeps names of the prototype and odd characters as data", async () => {
    const text =
      '{"__proto__":{"a":1},"constructor":"b","quote":"\\" \' ; DROP TABLE records","nul":"a\\u0000b"}';
    const uuid = await client.insert("cheap", text);
    expect(JSON.stringify((await client.read(uuid)).data_record)).toBe(JSON.stringify(JSON.parse(text)));
  });

  it("of an ambiguous flow name is a conflict that names the candidates", async () => {
    const twin = { flow: "twin", start: "out", nodes: { out: { type: "debug" } } };
    await admin("PUT", "/projects/twins-1", { flows: [twin] });
    await admin("PUT", "/projects/twins-2", { flows: [twin] });
    const answer = await envelope(client.call("POST", "/record", { "x-flow": "twin" }, {}), 409);
    expect(answer.error?.message).toContain("twins-2/twin");
  });
});

describe("get", () => {
  it("in every form of credentials, and at its own path", async () => {
    const uuid = await client.insert("work", { amount: 1 });
    await client.until(uuid, "2");
    const asked = await forms("record.read", { uuid: ["x-uuid", "uuid", uuid] });
    for (const [form, headers, query] of asked) {
      const answer = await envelope(v1("GET", `/record${query}`, headers), 200);
      expect(answer.message, form).toBe("Data Record structure was retrieving successfully");
      expect(Object.keys(answer.resource)).toEqual([
        "info",
        "data_record",
        "flow_process",
        "flow_objects_info",
      ]);
      expect(answer.resource.info).toMatchObject({ uuid, customer_id: "1", flow_id: flows.get("work") });
    }
    for (const path of [`/record/${uuid}`, `/record/${uuid}/`]) {
      expect((await client.call("GET", path)).status).toBe(200);
    }
    expect((await envelope(client.call("GET", "/record/none-such"), 404)).id).toBe("error");
    expect((await client.call("GET", "/record")).status).toBe(400);
  });

  it("selects fields, writes XML, and answers 304", async () => {
    const uuid = await client.insert("work", { amount: 1 });
    await client.until(uuid, "2");
    const some = await envelope(client.call("GET", `/record/${uuid}?fields=data_record`), 200);
    expect(some.resource).toEqual({ data_record: { amount: 1 } });
    const xml = await client.call("GET", `/record/${uuid}`, { accept: "application/xml" });
    expect(await xml.text()).toContain("<amount>1</amount>");
    const first = await client.call("GET", `/record/${uuid}`);
    await first.text();
    const tag = first.headers.get("etag") as string;
    expect((await client.call("GET", `/record/${uuid}`, { "if-none-match": tag })).status).toBe(304);
  });
});

describe("update", () => {
  it("in every form of credentials", async () => {
    const uuid = await client.insert("cheap", { amount: 0 });
    await client.until(uuid, "2");
    let amount = 0;
    for (const [form, headers, query] of await forms("record", { uuid: ["x-uuid", "uuid", uuid] })) {
      amount += 1;
      const answer = await envelope(v1("PUT", `/record${query}`, headers, { amount }), 200);
      expect(answer, form).toMatchObject({
        id: "ok",
        resource: { flow_name: "cheap", customer_id: "1", uuid, data_record: { amount } },
        message: "Data Record was updated successfully",
      });
      expect((await client.read(uuid)).data_record).toEqual({ amount });
    }
  });

  it("of several, all or nothing", async () => {
    const uuids = [await client.insert("cheap", {}), await client.insert("cheap", {})];
    for (const uuid of uuids) await client.until(uuid, "2");
    const both = await envelope<unknown[]>(
      client.call("PUT", "/record", { "x-uuid": uuids.join(",") }, [{ a: 1 }, { a: 2 }]),
      200,
    );
    expect(both.resource).toMatchObject([
      { uuid: uuids[0], data_record: { a: 1 } },
      { uuid: uuids[1], data_record: { a: 2 } },
    ]);
    const named = uuids.map((uuid, index) => ({ uuid, data_record: { b: index } }));
    expect((await client.call("PUT", "/record", {}, named)).status).toBe(200);
    expect((await client.read(uuids[1] as string)).data_record).toEqual({ b: 1 });
    expect((await client.call("PUT", "/record", { "x-uuid": `${uuids[0]},nobody` }, [{}, {}])).status).toBe(
      404,
    );
    expect((await client.call("PUT", "/record", { "x-uuid": uuids[0] as string }, [{}, {}])).status).toBe(
      400,
    );
    expect((await client.read(uuids[0] as string)).data_record).toEqual({ b: 0 });
    expect((await client.call("PUT", "/record", {}, {})).status).toBe(400);
  });

  it("of a record that waits is what it begins with", async () => {
    const uuid = await client.insert(
      "failing",
      { fail: true },
      { "x-executiontime": "2090-01-01T00:00:00Z" },
    );
    expect((await client.call("PUT", "/record", { "x-uuid": uuid }, { fail: false })).status).toBe(200);
    expect((await client.search({ "x-uuid": uuid })).records[0]?.flow_status).toBe("4");
    await envelope(
      client.call("PUT", "/record/changestatus", {
        "x-queue-status": "execute-queue",
        "x-queue-uuids": uuid,
      }),
      200,
    );
    await client.until(uuid, "2");
  });
});

describe("delete", () => {
  it("with client id and secret and plain headers, as in the seed", async () => {
    const uuid = await client.insert("cheap", {});
    await client.until(uuid, "2");
    const answer = await v1("DELETE", "/record", {
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret,
      scopes: "record.delete",
      uuid,
    });
    expect(await envelope(answer, 200)).toMatchObject({
      id: "ok",
      resource: { flow_name: "cheap", uuid },
      message: "Data Record was removed successfully",
    });
    expect((await client.call("GET", `/record/${uuid}`)).status).toBe(404);
    expect((await client.search({ "x-uuid": uuid })).total).toBe(0);
  });

  it("in every other form of credentials", async () => {
    for (const [form] of await forms("record.delete", {})) {
      const uuid = await client.insert("cheap", {});
      await client.until(uuid, "2");
      const all = await forms("record.delete", { uuid: ["x-uuid", "uuid", uuid] });
      const [, headers, query] = all.find(([name]) => name === form) as [
        string,
        Record<string, string>,
        string,
      ];
      expect((await v1("DELETE", `/record${query}`, headers)).status, form).toBe(200);
    }
    expect((await client.call("DELETE", "/record", { "x-uuid": "none-such" })).status).toBe(404);
    expect((await client.call("DELETE", "/record")).status).toBe(400);
  });

  it("is possible from the moment in which a GET shows the end, and so are other changes", async () => {
    const changes: ((uuid: string) => Promise<Response>)[] = [
      (uuid) => client.call("DELETE", `/record/${uuid}`),
      (uuid) => client.call("PUT", "/record", { "x-uuid": uuid }, { amount: 2 }),
      (uuid) => client.call("PUT", "/record/movetoflow", { "x-movetoflow-flow": "work" }, [uuid]),
    ];
    for (const change of [...changes, ...changes]) {
      const uuid = await client.insert("cheap", { amount: 1 });
      await vi.waitFor(async () => expect((await client.read(uuid)).info.flow_status).toBe("2"), {
        timeout: 15_000,
        interval: 5,
      });
      const { status, ...rest } = await change(uuid).then(async (answer) => ({
        status: answer.status,
        text: await answer.text(),
      }));
      expect(status, rest.text).toBe(200);
    }
  });

  it("of one that waits: it never runs", async () => {
    const uuid = await client.insert("work", {}, { "x-executiontime": "2090-01-01T00:00:00Z" });
    expect((await client.call("DELETE", `/record/${uuid}`)).status).toBe(200);
  });
});

describe("search", () => {
  it("as the seed sends it: a form as the body of a GET under a JSON content type", async () => {
    const form = `api_key=${credentials.apiKey}&app_key=${credentials.name}&date_type=date_created&date_from=31-12-2017 12:00:00`;
    for (const method of ["PUT", "POST"]) {
      const answer = await call("/v1/record/search", {
        method,
        headers: { "content-type": "application/json" },
        body: form,
      });
      expect((await envelope(answer, 200)).message, method).toBe("The query has been executed successfully.");
    }
    // A GET with a body cannot be made by fetch; the frame's own tests send one over a socket. In the URL it is the same.
    const got = await call(`/v1/record/search?${form.replaceAll(" ", "%20")}`, {
      headers: { "content-type": "application/json" },
    });
    const answer = await envelope<{ records: Record<string, unknown>[]; total: number }>(got, 200);
    expect(answer.resource).toMatchObject({ offset: 0, limit: 10 });
    expect(answer.resource.records).toHaveLength(10);
    expect(Object.keys(answer.resource.records[0] as object)).toEqual(FOUND_FIELDS);
    expect(answer.resource.records[0]?.date_created).toMatch(DATE);
  });

  it("by every parameter, as header, in the URL and as a form, by GET, PUT and POST", async () => {
    const uuid = await client.insert("failing", { fail: true, order: { no: 4711 }, tags: ["red", "blue"] });
    const found = await client.until(uuid, "3");
    const created = found.date_created as string;
    const dayFirst = created.replace(/^(\d{4})-(\d\d)-(\d\d)/, "$3-$2-$1");
    const searches: Record<string, string>[] = [
      { uuid },
      { flow_name: "failing", limit: "1" },
      { flow_name: flows.get("failing") as string, datarecord_status: "3", limit: "1" },
      { datarecord_status: "3", limit: "1" },
      { datafield_name: "order", datafield_value: "4711" },
      { datafield_name: "tag", datafield_value: "blue" },
      { date_type: "date_created", date_from: created, date_to: created, flow_name: "failing", limit: "1" },
      {
        date_type: "date_started",
        date_from: dayFirst,
        date_to: "2099-12-31 24:00:00",
        flow_name: "failing",
        limit: "1",
      },
      { date_type: "date_last_run", date_from: created, flow_name: "failing", limit: "1" },
    ];
    const key = { api_key: credentials.apiKey, app_key: credentials.appKey };
    for (const search of searches) {
      const headers = Object.fromEntries(
        Object.entries(search).map(([name, value]) => [
          `x-${name === "flow_name" ? "flow" : name.replaceAll("_", "-")}`,
          value,
        ]),
      );
      const query = new URLSearchParams({ ...search, ...key } as Record<string, string>).toString();
      const answers: Promise<Response>[] = [];
      for (const method of ["GET", "PUT", "POST"]) {
        answers.push(client.call(method, "/record/search", headers), v1(method, `/record/search?${query}`));
      }
      for (const method of ["PUT", "POST"]) {
        answers.push(
          v1(method, "/record/search", { "content-type": "application/x-www-form-urlencoded" }, query),
        );
      }
      for (const answer of answers) {
        const { resource } = await envelope<{ records: { uuid: string }[]; total: number }>(answer, 200);
        expect(
          resource.records.map((record) => record.uuid),
          JSON.stringify(search),
        ).toContain(uuid);
      }
    }
    const [byField] = (await client.search({ "x-datafield-name": "order", "x-datafield-value": "4711" }))
      .records;
    expect(byField?.dynamic_value).toBe("4711");
    expect((await client.search({ "x-datafield-name": "order", "x-datafield-value": "4712" })).total).toBe(0);
    expect(
      (await client.search({ "x-date-type": "date_created", "x-date-to": "2017-12-31 24:00:00" })).total,
    ).toBe(0);
  });

  it("by all parameters together, and by each choice of them", async () => {
    const uuid = await client.insert("work", { amount: 1, order: { no: 815 } });
    const status = (await client.until(uuid, "1", "2")).flow_status as string;
    const parts: Record<string, string>[] = [
      { "x-uuid": uuid },
      { "x-flow": "work" },
      { "x-datarecord-status": status },
      { "x-datafield-name": "order", "x-datafield-value": "815" },
      {
        "x-date-type": "date_created",
        "x-date-from": "2020-01-01 00:00:00",
        "x-date-to": "2099-01-01 00:00:00",
      },
    ];
    for (let choice = 0; choice < 2 ** parts.length; choice += 1) {
      for (const dateType of ["date_created", "date_started", "date_last_run"]) {
        const chosen = parts.filter((_, index) => (choice >> index) % 2 === 1);
        const dated = choice >= 2 ** (parts.length - 1) ? { "x-date-type": dateType } : {};
        const search = Object.assign({}, ...chosen, dated, { "x-limit": "1000" });
        const { records } = await client.search(search);
        expect(
          records.map((record) => record.uuid),
          JSON.stringify(search),
        ).toContain(uuid);
      }
    }
  });

  it("leaves the URL aside where headers are given", async () => {
    const answer = await envelope<{ limit: number }>(
      client.call("GET", "/record/search?limit=3", { "x-limit": "2" }),
      200,
    );
    expect(answer.resource.limit).toBe(2);
    const other = await envelope<{ limit: number }>(client.call("GET", "/record/search?limit=3"), 200);
    expect(other.resource.limit).toBe(10);
  });

  it("pages by offset and by cursor, the newest first, and counts truly", async () => {
    const list = Array.from({ length: 25 }, (_, index) => ({ index }));
    const { resource } = await envelope<{ data_record_id: string }[]>(
      client.call("POST", "/record", { "x-flow": "target", "x-executiontime": "2090-01-01T00:00:00Z" }, list),
      201,
    );
    const expected = resource.map(({ data_record_id }) => data_record_id).reverse();
    const byOffset: string[] = [];
    for (let offset = 0; offset < 25; offset += 10) {
      const page = await client.search({ "x-flow": "target", "x-offset": String(offset) });
      expect(page.total).toBe(25);
      byOffset.push(...page.records.map(({ uuid }) => uuid as string));
    }
    expect(byOffset).toEqual(expected);
    const byCursor: string[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const page: { records: { uuid: string }[]; next: string | null; total: number } = (
        await envelope<{ records: { uuid: string }[]; next: string | null; total: number }>(
          client.call("GET", "/record/search", {
            "x-flow": "target",
            "x-limit": "7",
            ...(next === "" ? {} : { "x-cursor": next }),
          }),
          200,
        )
      ).resource;
      byCursor.push(...page.records.map(({ uuid }) => uuid));
      next = page.next;
    }
    expect(byCursor).toEqual(expected);
  });

  it.each<[string, Record<string, string>, number]>([
    ["a limit that is none", { "x-limit": "abc" }, 400],
    ["a negative limit", { "x-limit": "-1" }, 400],
    ["a limit that is too large", { "x-limit": "1001" }, 400],
    ["an offset that is too large", { "x-offset": "10001" }, 400],
    ["an unknown status", { "x-datarecord-status": "7" }, 400],
    ["a status that is none", { "x-datarecord-status": "2 OR 1=1" }, 400],
    ["an unknown flow", { "x-flow": "nobody' --" }, 404],
    ["an unknown field", { "x-datafield-name": "nobody", "x-datafield-value": "1" }, 404],
    ["a field without a value", { "x-datafield-name": "order" }, 400],
    ["a date that is none", { "x-date-from": "31-31-2017 12:00:00" }, 400],
    [
      "an unknown kind of date",
      { "x-date-type": "created_at; DROP", "x-date-from": "2017-12-31 24:00:00" },
      400,
    ],
    ["a cursor that is none", { "x-cursor": "../1" }, 400],
  ])("refuses %s", async (_what, headers, status) => {
    expect((await client.call("GET", "/record/search", headers)).status).toBe(status);
  });

  it("takes quotes and SQL as data", async () => {
    const found = await client.search({ "x-datafield-name": "tag", "x-datafield-value": "' OR 1=1 --" });
    expect(found.total).toBe(0);
    expect((await client.search({ "x-uuid": "' OR 1=1 --" })).total).toBe(0);
  });

  it("finds records that were there before their mapped field", async () => {
    const uuid = await client.insert("cheap", { late: "here" });
    await applyFlows({
      mappedFields: [
        { field: "order", path: "$.order.no" },
        { field: "tag", path: "$.tags[*]" },
        { field: "late", path: "$.late" },
      ],
    });
    await expect
      .poll(
        async () =>
          (await client.search({ "x-datafield-name": "late", "x-datafield-value": "here" })).records.map(
            (record) => record.uuid,
          ),
        {
          timeout: 15_000,
        },
      )
      .toEqual([uuid]);
  }, 20_000);
});

describe("the counters behind totals", () => {
  it("are what counting gives, whatever became of the records", async () => {
    const { results } = await env.DB.prepare(
      "SELECT flow_id, status, count(*) AS n FROM records GROUP BY flow_id, status UNION ALL SELECT 0, status, count(*) FROM records GROUP BY status",
    ).all<{ flow_id: number; status: number; n: number }>();
    const counted = await env.DB.prepare(
      "SELECT flow_id, status, records AS n FROM record_counts WHERE records <> 0",
    ).all();
    const sorted = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(sorted(counted.results)).toEqual(sorted(results));
  });
});

describe("other organizations and environments", () => {
  it("see nothing of a record", async () => {
    await env.DB.batch([
      env.DB.prepare("INSERT INTO organizations (id, name, created_at) VALUES (77, 'other', 0)"),
      env.DB.prepare(
        "INSERT INTO environments (id, organization_id, name, host, is_default, created_at) VALUES (77, 77, 'other', 'other.test', 0, 0)",
      ),
      env.DB.prepare("UPDATE records SET environment_id = 77 WHERE uuid = ?").bind(
        await client.insert("cheap", { mine: 1 }, { "x-uuid": "theirs" }),
      ),
    ]);
    expect((await client.call("GET", "/record/theirs")).status).toBe(404);
    expect((await client.search({ "x-uuid": "theirs" })).total).toBe(0);
    expect((await client.call("DELETE", "/record/theirs")).status).toBe(404);
    expect((await client.call("PUT", "/record", { "x-uuid": "theirs" }, {})).status).toBe(404);
    expect(
      (
        await client.call("PUT", "/record/changestatus", {
          "x-queue-status": "pause-queue",
          "x-queue-uuids": "theirs",
        })
      ).status,
    ).toBe(404);
    expect(
      (await client.call("PUT", "/record/movetoflow", { "x-movetoflow-flow": "cheap" }, ["theirs"])).status,
    ).toBe(404);
  });
});
