import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { RELEASES } from "../../src/domain/software";
import { admin, apply, call, responding, returning, trigger } from "../support/worker";

/** The contract's section 5. Each test has a project of its own. */

interface Report {
  version: number;
  changed: boolean;
  published: boolean;
  dryRun: boolean;
  flows: { created: string[]; updated: string[]; restored: string[]; retired: string[]; unchanged: number };
}

async function report(response: Response | Promise<Response>): Promise<Report> {
  const answer = await response;
  const text = await answer.text();
  expect(answer.status, text).toBeLessThan(300);
  return JSON.parse(text) as Report;
}

interface Problem {
  status: number;
  code: string;
  detail: string;
  limit?: string;
  errors?: { path: string; reason: string; nearest?: string }[];
}

async function problem(
  response: Response | Promise<Response>,
  status: number,
  code: string,
): Promise<Problem> {
  const answer = await response;
  const text = await answer.text();
  expect([answer.status, text]).toEqual([status, expect.any(String)]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.headers.get("x-request-id")).toBeTruthy();
  expect(text).not.toMatch(/\bat .*\.(ts|js):\d+/);
  const body = JSON.parse(text) as Problem;
  expect(body).toMatchObject({
    type: `urn:sluice:problem:${code}`,
    title: expect.any(String),
    status,
    code,
    detail: expect.any(String),
  });
  return body;
}

async function out(path: string): Promise<unknown> {
  const response = await trigger(path);
  const body = (await response.json()) as { data?: { out: unknown[] } };
  return response.status === 200 ? body.data?.out[0] : response.status;
}

const flowsOf = async (project: string) =>
  (
    (await (await admin("GET", `/projects/${project}/flows`)).json()) as {
      flows: {
        id: number;
        name: string;
        currentVersion: number | null;
        draftVersion: number | null;
        retired: boolean;
        status: string;
      }[];
    }
  ).flows;

describe("applying", () => {
  test("JSON and YAML, and the same again changes nothing", async () => {
    const first = await admin("PUT", "/projects/both", { description: "d", flows: [returning("a", 1)] });
    expect([first.status, first.headers.get("etag")]).toEqual([201, '"1"']);
    expect(await report(first)).toEqual({
      project: "both",
      version: 1,
      changed: true,
      published: true,
      dryRun: false,
      flows: { created: ["a"], updated: [], restored: [], retired: [], unchanged: 0 },
      resources: {},
    });
    const before = await env.DB.prepare("SELECT catalog_epoch FROM environments").first();
    const yaml = stringify({ description: "d", flows: [returning("a", 1)] });
    const again = await admin("PUT", "/projects/both", yaml, { "content-type": "application/yaml" });
    expect([again.status, again.headers.get("etag")]).toEqual([200, '"1"']);
    expect(await report(again)).toMatchObject({ version: 1, changed: false, flows: { unchanged: 1 } });
    expect(await env.DB.prepare("SELECT catalog_epoch FROM environments").first()).toEqual(before);
    expect(
      await report(admin("PUT", "/projects/both", yaml, { "content-type": "text/plain" })),
    ).toMatchObject({ changed: false });
    expect(
      await report(
        admin("PUT", "/projects/both", yaml, { "content-type": "application/x-www-form-urlencoded" }),
      ),
    ).toMatchObject({ changed: false });
  });

  test("dryRun says what would change and changes nothing", async () => {
    const dry = await admin("PUT", "/projects/dry?dryRun=true", { flows: [returning("a", 1)] });
    expect([dry.status, dry.headers.get("etag")]).toEqual([200, null]);
    expect(await report(dry)).toMatchObject({
      dryRun: true,
      changed: true,
      version: 1,
      flows: { created: ["a"] },
    });
    await problem(admin("GET", "/projects/dry"), 404, "not_found");
    await apply("dry", [returning("a", 1), returning("b", 1)]);
    expect(
      await report(admin("PUT", "/projects/dry?dryRun", { flows: [returning("a", 2), returning("c", 1)] })),
    ).toMatchObject({
      version: 2,
      flows: { created: ["c"], updated: ["a"], retired: ["b"] },
    });
    expect(await out("dry/a/trigger")).toBe(1);
  });

  test("publish=false stores drafts, and calls go on as before", async () => {
    await apply("drafts", [returning("a", 1)]);
    expect(
      await report(apply("drafts", [returning("a", 2), returning("b", 1)], "?publish=false")),
    ).toMatchObject({
      published: false,
      version: 2,
      flows: { created: ["b"], updated: ["a"], retired: [] },
    });
    expect([await out("drafts/a/trigger"), await out("drafts/b/trigger")]).toEqual([1, 404]);
    expect(
      await report(apply("drafts", [returning("a", 2), returning("b", 1)], "?publish=false")),
    ).toMatchObject({ changed: false });
    expect(await flowsOf("drafts")).toMatchObject([
      { name: "a", currentVersion: 1, draftVersion: 2 },
      { name: "b", currentVersion: null, draftVersion: 1 },
    ]);
    const drafts = (await (await admin("GET", "/projects/drafts?draft=true")).json()) as { flows: object[] };
    expect(drafts.flows).toEqual([returning("a", 2), returning("b", 1)]);
    const current = (await (await admin("GET", "/projects/drafts")).json()) as { flows: object[] };
    expect(current.flows).toEqual([returning("a", 1)]);
    // Publishing what the drafts say makes them current, without new versions.
    await apply("drafts", [returning("a", 2), returning("b", 1)]);
    expect(await flowsOf("drafts")).toMatchObject([
      { currentVersion: 2, draftVersion: null },
      { currentVersion: 1, draftVersion: null },
    ]);
    expect([await out("drafts/a/trigger"), await out("drafts/b/trigger")]).toEqual([2, 1]);
  });

  test("flows that a bundle no longer has are retired, and come back with their versions", async () => {
    await apply("retire", [returning("a", 1), returning("b", 1, { endpoint: { alias: "retire b" } })]);
    expect(await report(apply("retire", [returning("a", 1)]))).toMatchObject({
      flows: { retired: ["b"], unchanged: 1 },
    });
    expect(await out("retire%20b/trigger")).toBe(404);
    expect(await flowsOf("retire")).toMatchObject([{ retired: false }, { name: "b", retired: true }]);
    await problem(admin("PUT", "/projects/retire/flows/b/current", { version: 1 }), 409, "conflict");
    expect(
      await report(
        apply("retire", [returning("a", 1), returning("b", 1, { endpoint: { alias: "retire b" } })]),
      ),
    ).toMatchObject({
      flows: { restored: ["b"], created: [], unchanged: 1 },
    });
    expect(await out("retire%20b/trigger")).toBe(1);
    expect(await flowsOf("retire")).toMatchObject([{}, { retired: false, currentVersion: 1 }]);
    // A rename is a new flow and a retired one.
    expect(await report(apply("retire", [returning("a", 1), returning("c", 1)]))).toMatchObject({
      flows: { created: ["c"], retired: ["b"] },
    });
  });

  test("all or nothing: every problem is told with its pointer, and nothing is stored", async () => {
    const { errors = [] } = await problem(
      admin("PUT", "/projects/wrong", {
        sluice: 2,
        flws: [],
        flows: [
          returning("good", 1),
          { ...returning("bad", 1), ouputs: {} },
          { flow: "worse", start: "gone", nodes: { x: { type: "fliter", when: "=1 +" } } },
        ],
      }),
      422,
      "invalid_bundle",
    );
    const at = (path: string) => errors.find((each) => each.path === path);
    expect(at("/sluice")).toBeDefined();
    expect(at("/flws")).toMatchObject({ nearest: "flows" });
    expect(at("/flows/1/ouputs")).toMatchObject({ nearest: "outputs" });
    expect(errors.some(({ path, nearest }) => path === "/flows/2/nodes/x/type" && nearest === "filter")).toBe(
      true,
    );
    await problem(admin("GET", "/projects/wrong"), 404, "not_found");
    expect(await env.DB.prepare("SELECT count(*) AS n FROM projects WHERE name = 'wrong'").first("n")).toBe(
      0,
    );
  });

  test("If-Match and If-None-Match guard against two editors", async () => {
    await problem(
      admin("PUT", "/projects/guarded", { flows: [] }, { "if-match": "*" }),
      412,
      "precondition_failed",
    );
    await report(admin("PUT", "/projects/guarded", { flows: [returning("a", 1)] }, { "if-none-match": "*" }));
    await problem(
      admin("PUT", "/projects/guarded", { flows: [] }, { "if-none-match": "*" }),
      412,
      "precondition_failed",
    );
    await problem(
      admin("PUT", "/projects/guarded", { flows: [] }, { "if-match": '"7"' }),
      412,
      "precondition_failed",
    );
    const exported = await admin("GET", "/projects/guarded", undefined, { accept: "application/yaml" });
    const tag = exported.headers.get("etag") as string;
    const second = await admin(
      "PUT",
      "/projects/guarded",
      { flows: [returning("a", 2)] },
      { "if-match": tag },
    );
    expect(second.headers.get("etag")).toBe('"2"');
    await problem(
      admin("PUT", "/projects/guarded", { flows: [] }, { "if-match": tag }),
      412,
      "precondition_failed",
    );
    const both = await Promise.all(
      [3, 4].map((value) =>
        admin("PUT", "/projects/guarded", { flows: [returning("a", value)] }, { "if-match": '"2"' }),
      ),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test("20 at once: every one is applied, and versions count them", async () => {
    await apply("race", [returning("a", -1)]);
    const reports = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        report(apply("race", [returning("a", index), returning(`only ${index}`, index)])),
      ),
    );
    expect(reports.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 2),
    );
    const last = reports.findIndex(({ version }) => version === 21);
    expect(await out("race/a/trigger")).toBe(last);
    const flows = await flowsOf("race");
    expect(flows).toHaveLength(21);
    expect(flows.filter(({ retired }) => !retired).map(({ name }) => name)).toEqual(["a", `only ${last}`]);
    expect(flows[0]).toMatchObject({ currentVersion: 21 });
  }, 30_000);

  test("2,000 flows in one apply, exported as they were", async () => {
    const flows = Array.from({ length: 2_000 }, (_, index) =>
      returning(`flow ${String(index).padStart(4, "0")}`, index),
    );
    expect((await report(apply("many", flows))).flows.created).toHaveLength(2_000);
    expect(await out("many/flow%201999/trigger")).toBe(1999);
    expect(((await (await admin("GET", "/projects/many")).json()) as { flows: object[] }).flows).toEqual(
      flows,
    );
    expect(await report(apply("many", flows))).toMatchObject({ changed: false, flows: { unchanged: 2_000 } });
    expect(await report(apply("many", flows.slice(0, 10)))).toMatchObject({ flows: { unchanged: 10 } });
  }, 60_000);
});

describe("export", () => {
  const flows = [
    returning("a", "=input.json.x ~> $string", {
      description: "Several\nlines: yes\n",
      icon: "star",
      package: "p",
    }),
    responding("b", {
      statusCode: 201,
      body: { "1": ["on", "no", "1e3", "0x1f", "~", "=1"], " key": null, "": "" },
    }),
  ];

  test("round trip through JSON and through YAML changes nothing", async () => {
    await apply("trip", flows);
    for (const format of ["json", "yaml"]) {
      const exported = await admin("GET", `/projects/trip?format=${format}`);
      expect(exported.headers.get("content-type")).toBe(`application/${format}`);
      const text = await exported.text();
      const bundle = (format === "json" ? JSON.parse(text) : parse(text)) as { flows: object[] };
      expect(bundle).toEqual({ project: "trip", version: 1, sluice: 1, flows });
      expect(Object.keys(bundle)[0]).toBe("project");
      const back = await admin("PUT", "/projects/trip", text, { "content-type": `application/${format}` });
      expect(await report(back)).toMatchObject({ changed: false, version: 1 });
    }
  });

  test("If-None-Match is answered with 304, for each representation by itself", async () => {
    await apply("tags", [returning("a", 1)]);
    const json = (await admin("GET", "/projects/tags")).headers.get("etag") as string;
    const yaml = await admin("GET", "/projects/tags", undefined, { accept: "text/html, application/yaml" });
    expect(yaml.headers.get("etag")).not.toBe(json);
    const fresh = await admin("GET", "/projects/tags", undefined, { "if-none-match": `"x", W/${json}` });
    expect([fresh.status, await fresh.text(), fresh.headers.get("etag")]).toEqual([304, "", json]);
    await apply("tags", [returning("a", 2)]);
    expect((await admin("GET", "/projects/tags", undefined, { "if-none-match": json })).status).toBe(200);
    await admin("PUT", "/projects/tags/flows/a/current", { version: 1 });
    expect((await admin("GET", "/projects/tags", undefined, { "if-none-match": '"2"' })).status).toBe(200);
  });
});

describe("aliases", () => {
  const aliased = (flow: string, alias: string) => returning(flow, flow, { endpoint: { alias } });

  test("are unique in an environment, and who has one is told", async () => {
    const twice = await problem(
      admin("PUT", "/projects/alias-a", { flows: [aliased("x", "one"), aliased("y", "one")] }),
      422,
      "invalid_bundle",
    );
    expect(twice.errors?.[0]?.path).toBe("/flows/1/endpoint/alias");
    await apply("alias-a", [aliased("x", "one")]);
    const taken = await problem(
      admin("PUT", "/projects/alias-b", { flows: [returning("z", 1), aliased("x", "one")] }),
      422,
      "invalid_bundle",
    );
    expect(taken.errors).toEqual([
      { path: "/flows/1/endpoint/alias", reason: expect.stringContaining('flow "x" in project "alias-a"') },
    ]);
    await apply("alias-a", []);
    await apply("alias-b", [aliased("x", "one")]);
    expect(await out("one/trigger")).toBe("x");
  });

  test("two flows swap theirs in one apply", async () => {
    await apply("swap", [aliased("left", "swap 1"), aliased("right", "swap 2")]);
    await apply("swap", [aliased("left", "swap 2"), aliased("right", "swap 1")]);
    expect([await out("swap%201/trigger"), await out("swap%202/trigger")]).toEqual(["right", "left"]);
  });

  test("of two projects that want one at once, one gets it", async () => {
    const answers = await Promise.all(
      ["p", "q", "r"].map((project) =>
        admin("PUT", `/projects/wants-${project}`, { flows: [aliased(project, "wanted")] }),
      ),
    );
    expect(answers.map(({ status }) => status).filter((status) => status < 300)).toHaveLength(1);
    for (const answer of answers) expect([201, 409, 422]).toContain(answer.status);
  });
});

describe("versions", () => {
  test("are listed newest first, page by page, and read", async () => {
    for (const value of [1, 2, 3]) await apply("versions", [returning("a", value)]);
    const page = (query: string) => admin("GET", `/projects/versions/flows/a/versions${query}`);
    const first = (await (await page("?limit=2")).json()) as { versions: object[]; next: string };
    expect(first.versions).toMatchObject([
      { version: 3, state: "published", current: true, createdBy: "admin" },
      { version: 2, current: false },
    ]);
    const second = (await (await page(`?limit=2&cursor=${first.next}`)).json()) as {
      versions: object[];
      next: null;
    };
    expect(second).toMatchObject({ versions: [{ version: 1 }], next: null });
    expect(await (await admin("GET", "/projects/versions/flows/a/versions/2")).json()).toEqual(
      returning("a", 2),
    );
    await problem(admin("GET", "/projects/versions/flows/a/versions/9"), 404, "not_found");
    for (const query of ["?limit=0", "?limit=201", "?limit=x", "?cursor=x", "?cursor=-1", "?page=2"])
      await problem(page(query), 400, "invalid_request");
  });

  test("an earlier one can be made current again, and the draft too", async () => {
    for (const value of [1, 2]) await apply("again", [returning("a", value)]);
    await apply("again", [returning("a", 3)], "?publish=false");
    const set = async (version: number) =>
      (await admin("PUT", "/projects/again/flows/a/current", { version })).json();
    expect(await set(1)).toEqual({ flow: "a", currentVersion: 1 });
    expect(await out("again/a/trigger")).toBe(1);
    expect(await set(1)).toEqual({ flow: "a", currentVersion: 1 });
    expect(await set(3)).toEqual({ flow: "a", currentVersion: 3 });
    expect(await out("again/a/trigger")).toBe(3);
    expect(await flowsOf("again")).toMatchObject([{ currentVersion: 3, draftVersion: null }]);
    await problem(admin("PUT", "/projects/again/flows/a/current", { version: 9 }), 404, "not_found");
    await problem(admin("PUT", "/projects/again/flows/b/current", { version: 1 }), 404, "not_found");
  });

  test("one that no longer fits the project is refused; callers follow one that does", async () => {
    const caller = (output: string) => ({
      flow: "caller",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "ask",
      nodes: {
        ask: { type: "flow", flow: "callee", results: { [output]: "out" } },
        out: { type: "output", to: "out" },
      },
    });
    const callee = (output: string) => ({
      flow: "callee",
      outputs: { [output]: "any" },
      start: "o",
      nodes: { o: { type: "output", to: output, value: output } },
    });
    await apply("fits", [caller("x"), callee("x")]);
    await apply("fits", [caller("y"), callee("y")]);
    expect(await out("fits/caller/trigger")).toBe("y");
    const { errors } = await problem(
      admin("PUT", "/projects/fits/flows/caller/current", { version: 1 }),
      422,
      "invalid_bundle",
    );
    expect(errors?.length).toBeGreaterThan(0);
    await problem(admin("PUT", "/projects/fits/flows/callee/current", { version: 1 }), 422, "invalid_bundle");
    expect(await out("fits/caller/trigger")).toBe("y");
  });

  test.each([
    ["no JSON", "{", undefined, 400, "invalid_request"],
    ["nothing", "", undefined, 400, "invalid_request"],
    ["YAML", "version: 1", "application/yaml", 415, "unsupported_media_type"],
    ["a text", '{"version":"1"}', undefined, 400, "invalid_request"],
    ["another field", '{"version":1,"now":true}', undefined, 400, "invalid_request"],
    ["too much", `{"version":1,"pad":"${"x".repeat(70_000)}"}`, undefined, 413, "payload_too_large"],
  ])("a body that is %s is refused", async (_what, body, type, status, code) => {
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    await problem(admin("PUT", "/projects/again/flows/a/current", body, headers), status, code);
    await problem(admin("PUT", "/projects/again/flows/a/status", body, headers), status, code);
  });
});

describe("bodies that are wrong", () => {
  const yaml = { "content-type": "application/yaml" };
  const deepYaml = `description: ${"[".repeat(20_000)}`;
  test.each<[string, string, Record<string, string>, number, string]>([
    ["empty", "", {}, 400, "invalid_request"],
    ["white space", " \n", yaml, 400, "invalid_request"],
    ["cut off", '{"flows": [', {}, 400, "invalid_request"],
    ["with a comment", '{"flows": [] /* x */}', {}, 400, "invalid_request"],
    ["deep JSON", `{"description": ${"[".repeat(20_000)}${"]".repeat(20_000)}}`, {}, 400, "invalid_request"],
    ["deep YAML", deepYaml, yaml, 400, "invalid_request"],
    ["deep YAML, closed", `${deepYaml}${"]".repeat(20_000)}`, yaml, 400, "invalid_request"],
    ["an endless number", '{"version": 1e400}', {}, 400, "invalid_request"],
    ["an endless number in YAML", "version: 1e400", yaml, 400, "invalid_request"],
    ["YAML's infinity", "version: .inf", yaml, 400, "invalid_request"],
    ["a number of 20 digits", '{"version": 12345678901234567890}', {}, 400, "invalid_request"],
    ["a number of 20 digits in YAML", "version: 12345678901234567890", yaml, 400, "invalid_request"],
    ["broken YAML", "flows: [\n  - a: b: c", yaml, 400, "invalid_request"],
    ["two YAML documents", "flows: []\n---\nflows: []", yaml, 400, "invalid_request"],
    ["a name twice in YAML", "flows: []\nflows: []", yaml, 400, "invalid_request"],
    [
      "aliases that multiply",
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(20)}]\nc: &c [${"*b,".repeat(20)}]\nd: [${"*c,".repeat(20)}]`,
      yaml,
      400,
      "invalid_request",
    ],
    ["an alias of itself", "flows: &a [*a]", yaml, 400, "invalid_request"],
    ["__proto__", '{"flows": [], "__proto__": {"admin": true}}', {}, 422, "invalid_bundle"],
    ["__proto__ in YAML", "__proto__: {admin: true}", yaml, 422, "invalid_bundle"],
    ["a list", "[]", {}, 422, "invalid_bundle"],
    ["null", "null", {}, 422, "invalid_bundle"],
    ["a text", "just words", yaml, 422, "invalid_bundle"],
    ["flows that are no list", '{"flows": {"a": 1}}', {}, 422, "invalid_bundle"],
    ["flows that are no flows", '{"flows": [null, 3, "x", [], {}]}', {}, 422, "invalid_bundle"],
    ["another project's", '{"project": "other"}', {}, 422, "invalid_bundle"],
    ["XML", "<a/>", { "content-type": "application/xml" }, 415, "unsupported_media_type"],
    [
      "JSON in UTF-7",
      "{}",
      { "content-type": "application/json; charset=utf-7" },
      415,
      "unsupported_media_type",
    ],
  ])("%s", async (_what, body, headers, status, code) => {
    const { detail } = await problem(admin("PUT", "/projects/broken", body, headers), status, code);
    expect(detail).not.toMatch(/call stack|undefined|\[object/i);
    await problem(admin("GET", "/projects/broken"), 404, "not_found");
  });

  test.each<[string, string, string]>([
    ["an alias without its anchor", "flows: [*x]", 'the alias "*x" has no anchor before it; write a text'],
    ["a second document", "flows: []\n---\nflows: []", "(line 2, column 1): a second document begins here"],
  ])("%s is told as what it is", async (_what, body, words) => {
    expect(
      (await problem(admin("PUT", "/projects/broken", body, yaml), 400, "invalid_request")).detail,
    ).toContain(words);
  });

  test("what has no sentence of its own is told in words of JSON and YAML", async () => {
    const bundle = {
      tables: [{ table: "t", columns: { a: "txt" } }],
      events: [{ event: "e", params: "channel" }],
      flows: [{ flow: "a", nodes: {} }],
    };
    expect((await problem(admin("PUT", "/projects/broken", bundle), 422, "invalid_bundle")).errors).toEqual([
      {
        path: "/tables/0/columns/a",
        reason: "expected one of text, integer, real, boolean, date, datetime, json, or an object",
      },
      { path: "/events/0/params", reason: "expected a list, got a string" },
      { path: "/flows/0/start", reason: "is missing; expected a string" },
    ]);
    expect((await problem(admin("GET", "/runs?from=yesterday"), 400, "invalid_request")).detail).toBe(
      "from: write a date and time such as 2026-01-31T12:00:00Z.",
    );
  });

  test("a bundle over the limit is refused by its name", async () => {
    const body = `{"description":"${"x".repeat(17 * 1024 * 1024)}"}`;
    expect((await problem(admin("PUT", "/projects/broken", body), 413, "payload_too_large")).limit).toBe(
      "MAX_BUNDLE_BYTES",
    );
  });

  test.each(["%20", "a%2Fb", "..%2f", "%00", "%zz", "__proto__", "x".repeat(101), "a%3Fb"])(
    "a project cannot be called %s",
    async (name) => {
      await problem(admin("PUT", `/projects/${name}`, { flows: [] }), 400, "invalid_request");
    },
  );
});

describe("who may", () => {
  const attempt = (authorization?: string) =>
    call("/admin/v1/projects", authorization === undefined ? {} : { headers: { authorization } });

  test("a missing, short or wrong token is a 401 that says what to send", async () => {
    const wrong = `${env.ADMIN_TOKEN.slice(0, -1)}x`;
    for (const each of [
      undefined,
      "",
      "Bearer",
      "Bearer x",
      `Bearer ${wrong}`,
      `Basic ${env.ADMIN_TOKEN}`,
      env.ADMIN_TOKEN,
      `Bearer ${env.ADMIN_TOKEN} x`,
    ]) {
      const response = await attempt(each);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="management API"');
      expect((await problem(response, 401, "unauthenticated")).detail).toContain("Authorization: Bearer");
    }
    expect((await attempt(`bearer ${env.ADMIN_TOKEN}`)).status).toBe(200);
  });

  test("without it nothing tells what exists", async () => {
    const answers = await Promise.all(
      ["/admin/v1/projects/none", "/admin/v1/nothing", "/admin/v1", "/admin/v1/projects"].map(
        async (path) => {
          const response = await call(path, { method: "DELETE" });
          return [response.status, ((await response.json()) as Problem).detail];
        },
      ),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });
});

describe("lists", () => {
  test("projects, page by page", async () => {
    for (const name of ["page-1", "page-2", "page-3"]) await apply(name, []);
    const names: string[] = [];
    let cursor: string | null = "page-";
    do {
      const response = await admin("GET", `/projects?limit=2&cursor=${encodeURIComponent(cursor)}`);
      const page = (await response.json()) as {
        projects: { name: string; flows: number }[];
        next: string | null;
      };
      names.push(...page.projects.map(({ name }) => name));
      cursor = page.next;
    } while (cursor !== null);
    expect(names.slice(0, 3)).toEqual(["page-1", "page-2", "page-3"]);
    expect(new Set(names).size).toBe(names.length);
  });

  test("runs, by every filter, page by page", async () => {
    await apply("ran", [
      returning("good", 1, { endpoint: { history: "strict" } }),
      returning("bad", '=$error("no")', { endpoint: { history: "strict" } }),
    ]);
    const ids: string[] = [];
    for (const flow of ["good", "bad", "good", "good", "bad"])
      ids.unshift((await trigger(`ran/${flow}/trigger`)).headers.get("x-process-id") as string);
    const list = async (query: string) =>
      (await (await admin("GET", `/runs?project=ran${query}`)).json()) as {
        runs: { id: string; status: string; startedAt: string }[];
        next: string | null;
      };
    const all = await list("");
    expect(all.runs.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(all.runs[0]).toMatchObject({
      project: "ran",
      flowVersion: 1,
      trigger: "action",
      user: "system",
      messageCount: expect.any(Number),
    });
    expect((await list("&flow=bad")).runs).toHaveLength(2);
    expect((await list("&status=Fail&flow=good")).runs).toEqual([]);
    expect((await list("&status=Success&user=system&trigger=action")).runs).toHaveLength(3);
    expect((await list("&user=nobody")).runs).toEqual([]);
    expect((await list("&from=2999-01-01T00:00:00Z")).runs).toEqual([]);
    expect((await list("&to=2999-01-01T00:00:00%2B01:00")).runs).toHaveLength(5);
    const paged: string[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const page: Awaited<ReturnType<typeof list>> = await list(
        `&limit=2${next === "" ? "" : `&cursor=${next}`}`,
      );
      paged.push(...page.runs.map(({ id }) => id));
      next = page.next;
    }
    expect(paged).toEqual(all.runs.map(({ id }) => id));
  });

  test.each([
    "?cursor=x",
    "?cursor=../..",
    "?status=success",
    "?from=yesterday",
    "?limit=1000",
    "?project=a&project=b",
    "?colour=red",
    "?trigger=x",
  ])("runs%s is refused, naming the parameter", async (query) => {
    const { errors } = await problem(admin("GET", `/runs${query}`), 400, "invalid_request");
    expect(query).toContain(errors?.[0]?.path);
  });

  test("an unknown parameter is refused everywhere", async () => {
    for (const path of [
      "/projects",
      "/projects/page-1",
      "/projects/page-1/flows",
      "/projects/page-1/openapi.json",
      "/runs",
      "/runs/x",
    ]) {
      const { errors } = await problem(admin("GET", `${path}?colour=red`), 400, "invalid_request");
      expect(errors).toEqual([{ path: "colour", reason: expect.any(String) }]);
    }
    await problem(admin("PUT", "/projects/page-1?dryrun=true", { flows: [] }), 400, "invalid_request");
    await problem(admin("PUT", "/projects/page-1?dryRun=yes", { flows: [] }), 400, "invalid_request");
    await problem(
      admin("PUT", "/projects/page-1?dryRun=true&dryRun=false", { flows: [] }),
      400,
      "invalid_request",
    );
  });

  test("an unknown run, and ids that are none", async () => {
    for (const id of ["x", "%27", "..%2f", "%00", "a".repeat(200)])
      await problem(admin("GET", `/runs/${id}`), 404, "not_found");
  });
});

describe("methods", () => {
  test("a known path says which it takes", async () => {
    const response = await admin("DELETE", "/projects/page-1");
    expect(response.headers.get("allow")).toBe("PUT, GET, HEAD, OPTIONS");
    await problem(response, 405, "method_not_allowed");
    const options = await admin("OPTIONS", "/projects/page-1/flows/a/status");
    expect([options.status, options.headers.get("allow")]).toEqual([204, "PUT, OPTIONS"]);
    await problem(admin("GET", "/nothing"), 404, "not_found");
  });

  test("HEAD is GET without the body", async () => {
    await apply("page-1", []);
    const head = await admin("HEAD", "/projects/page-1");
    expect([head.status, await head.text(), head.headers.get("etag")]).toEqual([200, "", expect.any(String)]);
    const missing = await admin("HEAD", "/projects/nowhere");
    expect([missing.status, await missing.text()]).toEqual([404, ""]);
  });
});

/** Every `$ref` of a document resolves inside it. */
function expectWholeRefs(document: unknown): void {
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const ref = (value as { $ref?: unknown }).$ref;
    if (typeof ref === "string") {
      expect(ref).toMatch(/^#\//);
      let target: unknown = document;
      for (const step of ref.slice(2).split("/"))
        target = (target as Record<string, unknown> | undefined)?.[
          step.replaceAll("~1", "/").replaceAll("~0", "~")
        ];
      expect(target, ref).toBeDefined();
    }
    for (const child of Object.values(value)) visit(child);
  };
  visit(document);
}

describe("OpenAPI", () => {
  interface Document {
    openapi: string;
    paths: Record<
      string,
      Record<
        string,
        {
          operationId: string;
          responses: Record<string, unknown>;
          parameters?: { name: string; in: string }[];
        }
      >
    >;
  }

  test("the document describes every surface, and holds together", async () => {
    const document = (await (await call("/openapi.json")).json()) as Document;
    expect(document.openapi).toMatch(/^3\.1\./);
    expectWholeRefs(document);
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes).toEqual(
      expect.arrayContaining([
        "GET /{instance}/api/1/action/{project}/{flow}/trigger",
        "POST /{instance}/api/1/action/{project}/{flow}/trigger",
        "GET /{instance}/api/1/action/{alias}/trigger",
        "GET /admin/v1/projects",
        "PUT /admin/v1/projects/{project}",
        "GET /admin/v1/projects/{project}",
        "GET /admin/v1/projects/{project}/openapi.json",
        "GET /admin/v1/projects/{project}/flows",
        "GET /admin/v1/projects/{project}/flows/{flow}/versions",
        "GET /admin/v1/projects/{project}/flows/{flow}/versions/{version}",
        "PUT /admin/v1/projects/{project}/flows/{flow}/current",
        "PUT /admin/v1/projects/{project}/flows/{flow}/status",
        "GET /admin/v1/runs",
        "GET /admin/v1/runs/{id}",
      ]),
    );
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, operation })),
    );
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
    for (const { path, operation } of operations) {
      const declared = (operation.parameters ?? [])
        .filter((each) => each.in === "path")
        .map(({ name }) => name);
      expect(declared.sort(), path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort());
      expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
    }
    // Every route that is described is there: it answers something else than "nothing at this path".
    for (const route of routes.filter((each) => each.includes("/admin/v1"))) {
      const [method = "", path = ""] = route.split(" ");
      const response = await admin(
        method,
        path.replace("/admin/v1", "").replace(/\{\w+\}/g, "1"),
        method === "PUT" ? "{" : undefined,
      );
      expect(await response.text(), route).not.toContain("There is nothing at");
      expect(response.status, route).not.toBe(405);
    }
  });

  test("a project's document has its endpoints, inputs and outputs typed", async () => {
    await apply("Typed World", [
      returning(
        "quote",
        { price: 1 },
        {
          description: "Prices.",
          input: {
            query: { size: "integer", "tag?": "string" },
            body: { id: "integer", "lines?": ["number"] },
          },
          outputs: { out: { price: "number" } },
        },
      ),
      returning("listed", 1, {
        endpoint: { alias: "my list", records: "$" },
        input: { body: { id: "integer" } },
      }),
      returning("closed", 1, { endpoint: { anonymous: false } }),
      responding("page", { statusCode: 201, body: "x" }),
      { flow: "inner", outputs: { out: "any" }, start: "o", nodes: { o: { type: "output", to: "out" } } },
    ]);
    const response = await admin("GET", "/projects/Typed%20World/openapi.json");
    const document = (await response.json()) as Document;
    expectWholeRefs(document);
    expect(Object.keys(document.paths).sort()).toEqual([
      "/phixflow/api/1/action/Typed%20World/closed/trigger",
      "/phixflow/api/1/action/Typed%20World/page/trigger",
      "/phixflow/api/1/action/Typed%20World/quote/trigger",
      "/phixflow/api/1/action/my%20list/trigger",
    ]);
    const quote = document.paths["/phixflow/api/1/action/Typed%20World/quote/trigger"];
    expect(quote?.post).toMatchObject({
      description: "Prices.",
      parameters: [
        { name: "size", in: "query", required: true, schema: { type: "integer" } },
        { name: "tag", in: "query", required: false, schema: { type: "string" } },
        { name: "timeout", in: "query", required: false },
      ],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: {
              type: "object",
              properties: { id: { type: "integer" }, lines: { items: { type: "number" } } },
              required: ["id"],
            },
          },
        },
      },
      responses: {
        200: {
          content: {
            "application/json": {
              schema: {
                properties: {
                  data: {
                    properties: {
                      out: { type: "array", items: { properties: { price: { type: "number" } } } },
                    },
                  },
                },
              },
            },
          },
        },
      },
    });
    expect(quote?.post).not.toHaveProperty("security");
    expect(document.paths["/phixflow/api/1/action/Typed%20World/closed/trigger"]?.get).toMatchObject({
      security: [{ apiKey: [] }],
    });
    expect(
      document.paths["/phixflow/api/1/action/Typed%20World/page/trigger"]?.get?.responses,
    ).toHaveProperty("default");
    expect(document.paths["/phixflow/api/1/action/my%20list/trigger"]?.post).toMatchObject({
      requestBody: {
        content: { "application/json": { schema: { type: "array", items: { type: "object" } } } },
      },
    });
  });

  test("the reference page shows what each release brought, where environments' changelogs lead", async () => {
    const page = await (await call("/docs")).text();
    for (const { changelog, version, notes } of RELEASES) {
      const [path, anchor] = changelog.split("#");
      expect(path).toBe("/docs");
      expect(page).toContain(`id="${anchor}"`);
      expect(page).toContain(version);
      for (const note of notes) expect(page).toContain(note);
    }
  });

  test("the reference page and the bundle's schema are served", async () => {
    const page = await call("/docs");
    expect([page.status, page.headers.get("content-type")]).toEqual([
      200,
      expect.stringContaining("text/html"),
    ]);
    const schema = await call("/schemas/bundle.json");
    expectWholeRefs(await schema.json());
    expect((await call("/docs/package.json")).status).toBe(404);
  });
});
