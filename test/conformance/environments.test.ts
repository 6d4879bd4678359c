import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { CA_CERTIFICATE, EC_KEY, LEAF_CERTIFICATE, LEAF_KEY } from "../support/certificates";
import {
  hostOf as at,
  data,
  EnvironmentCaller,
  refused,
  type WireEnvironment as Wire,
} from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/*
 * The environments chapter of the seed, over HTTP alone. The organization's default environment is the designer, where
 * bundles are applied; others host copies of its projects.
 */

let key: string;
let dataKey: string;
let otherKey: string;
let environments: EnvironmentCaller;

beforeAll(async () => {
  key = await issueApiKey("organization");
  environments = new EnvironmentCaller(key);
  dataKey = await issueApiKey("data");
  await env.DB.batch([
    env.DB.prepare("INSERT INTO organizations (id, name, created_at) VALUES (2, 'other', 0)"),
    env.DB.prepare(
      "INSERT INTO environments (id, organization_id, name, is_default, created_at) VALUES (200, 2, 'default', 0, 0)",
    ),
  ]);
  await env.DB.prepare("UPDATE environments SET is_default = 1 WHERE id = 200")
    .run()
    .catch(() => undefined);
  otherKey = await issueApiKey("organization", 2);
});

const send = (method: string, path: string, body?: unknown, apiKey = key) =>
  environments.send(method, path, body, apiKey);
const becomes = (id: string, wanted: string) => environments.becomes(id, wanted);
const ready = (order?: Record<string, unknown>) => environments.ready(order);

let shared: Promise<Wire> | undefined;

/** An environment for requests that are refused, and change nothing. */
function standing(): Promise<Wire> {
  shared ??= ready();
  return shared;
}

describe("an environment", () => {
  it("is created as the seed's request says, is `creating`, and then ready under its own host names", async () => {
    const created = await data(
      await call("/v1/environment/", {
        method: "POST",
        headers: { "content-type": "application/json", "x-apikey": key },
        body: JSON.stringify({
          name: "My new environment",
          description: "Description of My new environment",
          package: "SS-A",
          region: "london",
          timezone: "Europe/London",
        }),
      }),
      201,
    );
    expect(created).toMatchObject({
      name: "My new environment",
      description: "Description of My new environment",
      info: { frontend_url: "", api_url: "", html_url: "", timezone: "Europe/London" },
      status: "creating",
      projects: [],
      package: { name: "Single Server A", code: "SS-A" },
      base_storage: 20,
      total_storage: 20,
      storage_addons: [],
      ip: "127.0.0.1",
    });
    expect(created.id).toMatch(/^\d+$/);
    expect(created.date_created).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(await becomes(created.id, "ready")).toEqual(["creating", "ready"]);
    const { info } = await data<{ info: Record<string, string> }>(await send("GET", `/${created.id}`));
    expect(info.api_url).toMatch(/^api-[a-z0-9]{24}\.sluice\.localhost$/);
    expect(info.frontend_url).toBe(info.api_url?.replace("api-", "www-"));
    expect(info.html_url).toBe(info.api_url?.replace("api-", "web-"));
  });

  it("is listed with its statistics, and has every field of the seed", async () => {
    const listed = await data<Wire[]>(await send("GET", ""));
    const found = listed.find(({ name }) => name === "My new environment");
    expect(Object.keys(found ?? {})).toEqual(
      expect.arrayContaining([
        "id",
        "name",
        "description",
        "date_created",
        "date_updated",
        "info",
        "status",
        "projects",
        "package",
        "software",
        "base_storage",
        "total_storage",
        "storage_addons",
        "storage_info",
        "active",
        "ip",
        "stats",
      ]),
    );
    expect(found?.software).toEqual({
      current_version: {
        version: expect.stringMatching(/^v\.\d+\.\d+\.\d+$/),
        date_created: expect.stringMatching(/^\d{4}-/),
        blocking_update: expect.any(Number),
        changelog: expect.stringMatching(/^http/),
      },
    });
  });

  it("tells of the default environment that it is as old as the deployment", async () => {
    const { date_created, date_updated } = await data<Wire>(await send("GET", "/1"));
    for (const date of [date_created, date_updated]) {
      const age = Date.now() - Date.parse(`${String(date).replace(" ", "T")}Z`);
      expect(age).toBeLessThan(86_400_000);
    }
  });

  it("answers HEAD, OPTIONS, ETag and XML as every v1 route does", async () => {
    const { id } = await ready();
    const first = await send("GET", `/${id}/status`);
    const tag = first.headers.get("etag") as string;
    const again = await call(`/v1/environment/${id}/status`, {
      headers: { "x-apikey": key, "if-none-match": tag },
    });
    expect(again.status).toBe(304);
    expect((await send("HEAD", `/${id}`)).status).toBe(200);
    expect((await send("OPTIONS", `/${id}`)).headers.get("allow")).toContain("DELETE");
    const xml = await call(`/v1/environment/${id}/status`, {
      headers: { "x-apikey": key, accept: "application/xml" },
    });
    expect(await xml.text()).toContain("<status>ready</status>");
  });

  it.each([
    ["without a name", { name: undefined }, "name"],
    ["with an empty name", { name: "  " }, "name"],
    ["with a name of 101 characters", { name: "x".repeat(101) }, "name"],
    ["without a package", { package: undefined }, "package"],
    ["with an unknown package", { package: "SS-E" }, "package"],
    ["without a region", { region: undefined }, "region"],
    ["with an unknown region", { region: "mars" }, "region"],
    ["with an unknown time zone", { timezone: "Europe/Nowhere" }, "timezone"],
    ["with an offset as time zone", { timezone: "+01:00" }, "timezone"],
  ])("%s is refused", async (_what, change, words) => {
    const body = { name: "refused", package: "SS-A", region: "london", ...change };
    expect(await refused(await send("POST", "", body), 400)).toContain(words);
  });

  it("takes its region in any case", async () => {
    const { region } = await ready({ region: "San Francisco" });
    expect(region).toBe("san francisco");
  });

  it("of a name that is taken is refused with 409, also for one of two at the same moment", async () => {
    const order = { name: "twins", package: "SS-A", region: "london" };
    const answers = await Promise.all([send("POST", "", order), send("POST", "", order)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it.each(["0", "999999", "abc", "-1", "1.5", "1;drop", "99999999999999999999"])(
    "with the id %s is not there",
    async (id) => {
      expect((await send("GET", `/${encodeURIComponent(id)}`)).status).toBe(404);
      expect((await send("GET", `/${encodeURIComponent(id)}/status`)).status).toBe(404);
    },
  );

  it("needs the organization's own key: none, a data key or a key in the URL are 401", async () => {
    expect((await call("/v1/environment")).status).toBe(401);
    expect((await send("GET", "", undefined, dataKey)).status).toBe(401);
    expect((await call(`/v1/environment?api_key=${key}`)).status).toBe(401);
  });

  it("is out of reach for another organization, over every route", async () => {
    const { id } = await ready();
    const routes: [string, string, unknown?][] = [
      ["GET", ""],
      ["GET", "/status"],
      ["POST", "", { name: "mine now" }],
      ["POST", "/upgrade", { package: "SS-B" }],
      ["POST", "/update-version"],
      ["POST", "/optimize"],
      ["GET", "/projects"],
      ["POST", "/project/1", {}],
      ["DELETE", "/project/1"],
      ["GET", "/urls"],
      ["POST", "/urls", [{ project_id: 1, url: "/", name: "x", type: "website" }]],
      ["DELETE", "/urls", [{ project_id: 1, url: "/", type: "website" }]],
      ["DELETE", ""],
    ];
    for (const [method, path, body] of routes) {
      const foreign = await send(method, `/${id}${path}`, body, otherKey);
      const missing = await send(method, `/999999${path}`, body, otherKey);
      expect([method, path, foreign.status]).toEqual([method, path, 404]);
      expect(await foreign.text()).toBe(await missing.text());
    }
    expect((await data(await send("GET", `/${id}`))).status).toBe("ready");
    const theirs = await data<Wire[]>(await send("GET", "", undefined, otherKey));
    expect(theirs.map((each) => each.id)).not.toContain(id);
  });
});

describe("an upgrade", () => {
  it("goes to a larger package, through `upgrading` and `upgraded`", async () => {
    const { id } = await ready();
    const answered = await data(await send("POST", `/${id}/upgrade`, { package: "SS-B", storage: 100 }));
    expect(answered).toMatchObject({ status: "upgrading", package: { code: "SS-A" } });
    expect(await becomes(id, "ready")).toEqual(["upgrading", "upgraded", "ready"]);
    expect(await data(await send("GET", `/${id}`))).toMatchObject({
      package: { name: "Single Server B", code: "SS-B" },
      base_storage: 40,
      total_storage: 40,
    });
  });

  it("adds storage, 100 GB at a time", async () => {
    const { id } = await ready();
    await data(await send("POST", `/${id}/upgrade`, { storage: 100 }));
    await becomes(id, "ready");
    await data(await send("POST", `/${id}/upgrade`, { storage: "100" }));
    await becomes(id, "ready");
    expect(await data(await send("GET", `/${id}`))).toMatchObject({
      base_storage: 20,
      total_storage: 220,
      storage_addons: [100, 100],
    });
  });

  it.each([
    ["the same package", { package: "SS-A" }],
    ["an unknown package", { package: "SS-Z" }],
    ["50 GB", { storage: 50 }],
    ["200 GB", { storage: 200 }],
    ["0 GB", { storage: 0 }],
    ["nothing", {}],
  ])("to %s is refused", async (_what, body) => {
    const { id } = await standing();
    await refused(await send("POST", `/${id}/upgrade`, body), 400);
    expect((await data(await send("GET", `/${id}/status`))).status).toBe("ready");
  });

  it("downwards is refused", async () => {
    const { id } = await ready({ package: "SS-D" });
    expect(await refused(await send("POST", `/${id}/upgrade`, { package: "SS-C" }), 400)).toContain(
      "only grow",
    );
  });

  it("while another change is under way is refused with 409 and Retry-After; of two at once one is taken", async () => {
    const { id } = await ready();
    const answers = await Promise.all([
      send("POST", `/${id}/upgrade`, { package: "SS-B" }),
      send("POST", `/${id}/upgrade`, { package: "SS-C" }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const late = await send("POST", `/${id}/optimize`);
    expect(late.headers.get("retry-after")).not.toBeNull();
    expect(await refused(late, 409)).toContain("upgrading");
    await becomes(id, "ready");
  });

  it("of the version ends at the latest one", async () => {
    const { id } = await ready();
    expect((await data(await send("POST", `/${id}/update-version`))).status).toBe("upgrading");
    expect(await becomes(id, "ready")).toContain("upgraded");
  });
});

describe("an update", () => {
  const form = (fields: Record<string, string | File>): RequestInit => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value as string);
    return { method: "POST", headers: { "x-apikey": key }, body };
  };
  const file = (text: string, name: string) => new File([text], name, { type: "text/plain" });
  const update = (id: string, fields: Record<string, string | File>) =>
    call(`/v1/environment/${id}`, form(fields));

  it("changes name and description, and nothing else", async () => {
    const { id } = await ready({ description: "before" });
    const answered = await data(
      await update(id, {
        name: "New Environment name",
        description: "New Environment description",
        delete_certificate: "0",
      }),
    );
    expect(answered).toMatchObject({
      name: "New Environment name",
      description: "New Environment description",
      status: "ready",
    });
    expect(await data(await update(id, { name: "Newer name" }))).toMatchObject({
      name: "Newer name",
      description: "New Environment description",
    });
  });

  it("to a name that is taken is refused with 409", async () => {
    const [one, two] = [await ready({ name: "taken name" }), await ready()];
    expect((await update(two.id, { name: one.name as string })).status).toBe(409);
  });

  it("takes a certificate with its key and chain, describes it, and never gives the key out", async () => {
    const { id } = await ready();
    const answered = await update(id, {
      private_key_file: file(LEAF_KEY, "private.key"),
      certificate_file: file(LEAF_CERTIFICATE, "domain.crt"),
      chain_files: file(CA_CERTIFICATE, "chain.ca-bundle"),
    });
    const text = await answered.text();
    expect(text).not.toContain("PRIVATE KEY");
    const { ssl_certificate: certificate } = (JSON.parse(text) as { data: Record<string, unknown> }).data;
    expect(certificate).toMatchObject({
      name: "/C=NL/ST=Noord Holland/L=Amsterdam/O=Example B.V./OU=Ops/CN=www.example.com",
      subject: { common_name: "www.example.com", serial_number: null, country_name: "NL" },
      hash: "449fe136",
      issuer: { common_name: "Example CA", email_address: "ca@example.com" },
      version: 2,
      serial_number: "0x031D48DED368727DA88D9B7FB85432B8699C3A",
      valid_from: expect.any(Number),
      valid_to: expect.any(Number),
      signature_type_SN: "RSA-SHA256",
      signature_type_LN: "sha256WithRSAEncryption",
      signature_type_NID: 668,
      purposes: { "1": [true, false, "SSL client"], "7": [true, true, "Any Purpose"] },
    });
    const kept = await env.DB.prepare(
      "SELECT private_key FROM environment_certificates WHERE environment_id = ?",
    )
      .bind(Number(id))
      .first<{ private_key: string }>();
    expect(kept?.private_key).not.toContain("BEGIN");
    const read = await (await send("GET", `/${id}`)).text();
    expect(read).toContain("449fe136");
    expect(read).not.toContain("PRIVATE KEY");
    const removed = await data(await update(id, { delete_certificate: "1" }));
    expect(removed.ssl_certificate).toBeUndefined();
  });

  it("takes one PEM file, and then ignores the others", async () => {
    const { id } = await ready();
    const answered = await data(
      await update(id, {
        pem_file: file(LEAF_KEY + LEAF_CERTIFICATE + CA_CERTIFICATE, "all.pem"),
        private_key_file: file("nonsense", "private.key"),
      }),
    );
    expect(answered.ssl_certificate).toMatchObject({ hash: "449fe136" });
  });

  it.each([
    ["a key without its certificate", { private_key_file: LEAF_KEY }, "certificate_file"],
    ["a certificate without its key", { certificate_file: LEAF_CERTIFICATE }, "private_key_file"],
    [
      "another's key",
      { certificate_file: LEAF_CERTIFICATE, private_key_file: EC_KEY },
      "not that of the certificate",
    ],
    ["a chain alone", { chain_files: CA_CERTIFICATE }, "certificate_file"],
    [
      "a chain of another",
      { certificate_file: LEAF_CERTIFICATE, private_key_file: LEAF_KEY, chain_files: LEAF_CERTIFICATE },
      "chain_files",
    ],
    ["a PEM file without a key", { pem_file: LEAF_CERTIFICATE }, "pem_file"],
    ["a PEM file of nonsense", { pem_file: "hello" }, "pem_file"],
  ])("with %s is refused, and changes nothing", async (_what, texts, words) => {
    const { id, name } = await standing();
    const files = Object.fromEntries(
      Object.entries(texts).map(([field, text]) => [field, file(text, "a.pem")]),
    );
    const answer = await update(id, { name: "changed all the same", ...files });
    expect(await refused(answer, 400)).toContain(words);
    expect((await data(await send("GET", `/${id}`))).name).toBe(name);
  });

  it("with null for a body is refused", async () => {
    const { id } = await data<Wire[]>(await send("GET", "")).then(([first]) => first as Wire);
    expect(await refused(await send("POST", `/${id}`, "null"), 400)).toContain(
      "expected an object, got null",
    );
  });

  it("with delete_certificate 2 is refused", async () => {
    const { id } = await ready();
    await refused(await update(id, { delete_certificate: "2" }), 400);
  });
});

describe("projects", () => {
  let projectId: string;
  const bundle = (more: object = {}) => ({
    flows: [returning("hello", "one")],
    tables: [{ table: "goods", columns: { sku: { type: "text", unique: true }, price: "integer" } }],
    keystores: [{ keystore: "settings" }],
    websites: [{ website: "shopfront" }],
    ...more,
  });

  const hosted = (host: string, path: string, init: RequestInit = {}): Promise<Response> =>
    call(path, init, host);

  beforeAll(async () => {
    const applied = await admin("PUT", "/projects/travelling", bundle());
    if (!applied.ok) throw new Error(await applied.text());
    const { projects } = await (await admin("GET", "/projects?limit=200")).json<{
      projects: { id: number; name: string }[];
    }>();
    projectId = String(projects.find(({ name }) => name === "travelling")?.id);
    const rows = [
      { sku: "a", price: 1 },
      { sku: "b", price: 2 },
    ];
    for (const row of rows) {
      const inserted = await call("/v1/tables/goods", {
        method: "POST",
        headers: { "content-type": "application/json", "x-apikey": dataKey },
        body: JSON.stringify(row),
      });
      if (!inserted.ok) throw new Error(await inserted.text());
    }
    const upload = await admin(
      "PUT",
      "/projects/travelling/websites/shopfront/files/index.html",
      "<h1>shop</h1>",
      {
        "content-type": "text/html",
      },
    );
    expect(upload.status).toBe(201);
  });

  const goods = async (environment: Wire) =>
    (await env.DB.prepare(`SELECT sku, price FROM t${environment.id}_goods ORDER BY sku`).all()).results;

  it("are added from the designer, and their endpoints answer at the environment's own host alone", async () => {
    const environment = await ready();
    expect((await hosted(at(environment), "/phixflow/api/1/action/travelling/hello/trigger")).status).toBe(
      404,
    );
    const answered = await data(await send("POST", `/${environment.id}/project/${projectId}`, {}));
    expect(answered).toMatchObject({ id: environment.id, status: "ready", projects: [projectId] });
    const listed = await data<Record<string, unknown>[]>(await send("GET", `/${environment.id}/projects`));
    expect(listed).toEqual([
      {
        id: projectId,
        name: "travelling",
        version: expect.any(Number),
        date_created: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        date_updated: expect.any(String),
      },
    ]);
    const answer = await hosted(at(environment), "/phixflow/api/1/action/travelling/hello/trigger");
    expect(await answer.json()).toMatchObject({ data: { out: ["one"] } });
  });

  it("bring their tables along by the three actions, told as progress until all is done", async () => {
    const environment = await ready();
    const add = async (body: object) => {
      await data(await send("POST", `/${environment.id}/project/${projectId}`, body));
      await becomes(environment.id, "ready");
    };
    await add({ tables: [{ name: "goods", action: "insert" }] });
    expect(await goods(environment)).toEqual([
      { sku: "a", price: 1 },
      { sku: "b", price: 2 },
    ]);
    const change = `UPDATE t${environment.id}_goods SET price = 99 WHERE sku = 'a'`;
    await env.DB.prepare(change).run();
    const third = await hosted(at(environment), "/v1/tables/goods", {
      method: "POST",
      headers: { "content-type": "application/json", "x-apikey": dataKey },
      body: JSON.stringify({ sku: "c", price: 3 }),
    });
    expect(third.status).toBe(200);
    await add({ all_tables: "insert", tables: [{ name: "ignored", action: "insert" }] });
    expect(await goods(environment)).toEqual([
      { sku: "a", price: 99 },
      { sku: "b", price: 2 },
      { sku: "c", price: 3 },
    ]);
    await add({ all_tables: "insert or update" });
    expect(await goods(environment)).toEqual([
      { sku: "a", price: 1 },
      { sku: "b", price: 2 },
      { sku: "c", price: 3 },
    ]);
    await add({ all_tables: "delete and insert" });
    expect(await goods(environment)).toEqual([
      { sku: "a", price: 1 },
      { sku: "b", price: 2 },
    ]);
  });

  const putKey = async (host: string | undefined, name: string, v: number) => {
    const answer = await call(
      `/v1/keystore/settings/${name}`,
      {
        method: "PUT",
        headers: { "content-type": "application/json", "x-apikey": dataKey },
        body: JSON.stringify({ name, v }),
      },
      host,
    );
    if (!answer.ok) throw new Error(await answer.text());
  };

  it("bring their keystores along by the three actions", async () => {
    const environment = await ready();
    const host = at(environment);
    const read = async (name: string) => {
      const answer = await call(
        `/v1/keystore/settings/${name}`,
        { headers: { "x-apikey": dataKey, "cache-control": "no-cache" } },
        host,
      );
      return (await answer.json<{ v?: number }>()).v;
    };
    const add = async (body: object) => {
      await data(await send("POST", `/${environment.id}/project/${projectId}`, body));
      await becomes(environment.id, "ready");
    };
    await putKey(undefined, "a", 1);
    await putKey(undefined, "b", 2);
    await add({ keystores: [{ keystore_id: "settings", action: "insert" }] });
    expect([await read("a"), await read("b")]).toEqual([1, 2]);
    await putKey(host, "a", 99);
    await putKey(host, "c", 3);
    await add({ all_keystores: "insert" });
    expect([await read("a"), await read("c")]).toEqual([99, 3]);
    await add({ all_keystores: "insert or update" });
    expect([await read("a"), await read("c")]).toEqual([1, 3]);
    await add({ all_keystores: "delete and insert" });
    expect([await read("a"), await read("b"), await read("c")]).toEqual([1, 2, undefined]);
  });

  it("bring their uploaded files and the data schema along where that is asked for", async () => {
    const environment = await ready();
    const elsewhere = { "x-environment": environment.id };
    const put = await admin("PUT", "/projects/travelling/files/terms/de.txt", "Bedingungen");
    expect(put.status).toBe(201);
    const text = (value: object) => btoa(JSON.stringify(value));
    await env.DB.prepare(
      `INSERT INTO record_schemas (environment_id, organization_id, schema, data_record, url, created_at, modified_at)
       VALUES (1, 1, ?, ?, 'example.com', 0, 0) ON CONFLICT DO NOTHING`,
    )
      .bind(JSON.stringify({ type: "object" }), text({}))
      .run();
    const copied = () =>
      env.DB.prepare("SELECT schema FROM record_schemas WHERE environment_id = ?")
        .bind(Number(environment.id))
        .first<{ schema: string }>();
    await data(
      await send("POST", `/${environment.id}/project/${projectId}`, {
        static_data: "no",
        file_manager: "no",
      }),
    );
    const file = () => admin("GET", "/projects/travelling/files/terms/de.txt", undefined, elsewhere);
    expect([(await file()).status, await copied()]).toEqual([404, null]);
    await data(
      await send("POST", `/${environment.id}/project/${projectId}`, {
        static_data: "yes",
        file_manager: "yes",
      }),
    );
    await becomes(environment.id, "ready");
    expect(await (await file()).text()).toBe("Bedingungen");
    expect(JSON.parse((await copied())?.schema ?? "{}")).toEqual({ type: "object" });
  });

  it("are copied to the end although the object that does it dies, again and again, or forgets its alarm", async () => {
    const environment = await ready();
    const tell = {
      all_tables: "insert",
      all_keystores: "insert",
      all_websites: "insert",
      file_manager: "yes",
    };
    const started = await data(await send("POST", `/${environment.id}/project/${projectId}`, tell));
    expect(started).toMatchObject({ status: "updating", progress: { done: 0, of: 4, failed: [] } });
    const manager = env.ENVIRONMENT_MANAGER.getByName(`e${environment.id}`);
    await runInDurableObject(manager, (_object, state) => state.storage.deleteAll());
    await runInDurableObject(manager, (_object, state) => state.storage.deleteAlarm());
    for (let turn = 0; turn < 5; turn += 1) {
      await evictDurableObject(manager);
      await send("GET", `/${environment.id}/status`);
      await scheduler.wait(100);
    }
    await becomes(environment.id, "ready");
    expect(await goods(environment)).toHaveLength(2);
  });

  it("come from another environment only when they are newer there", async () => {
    const [source, target] = [await ready(), await ready()];
    await data(await send("POST", `/${source.id}/project/${projectId}`, {}));
    await data(
      await send("POST", `/${target.id}/project/${projectId}`, { source_environment: Number(source.id) }),
    );
    const again = await send("POST", `/${target.id}/project/${projectId}`, { source_environment: source.id });
    expect(await refused(again, 409)).toContain("newer");
    await admin("PUT", "/projects/travelling", bundle({ flows: [returning("hello", "two")] }));
    await data(await send("POST", `/${source.id}/project/${projectId}`, {}));
    await data(await send("POST", `/${target.id}/project/${projectId}`, { source_environment: source.id }));
    const answer = await hosted(at(target), "/phixflow/api/1/action/travelling/hello/trigger");
    expect(await answer.json()).toMatchObject({ data: { out: ["two"] } });
  });

  it.each([
    ["an unknown project", "999999", {}, 404],
    ["a project id that is none", "abc", {}, 404],
    ["an unknown action", undefined, { all_tables: "replace" }, 400],
    ["an unknown table", undefined, { tables: [{ name: "nothing", action: "insert" }] }, 400],
    ["an unknown keystore", undefined, { keystores: [{ keystore_id: "nothing", action: "insert" }] }, 400],
    ["an unknown website", undefined, { websites: [{ slug: "nothing", action: "insert" }] }, 400],
    ["static_data maybe", undefined, { static_data: "maybe" }, 400],
    ["an unknown source", undefined, { source_environment: 999999 }, 400],
  ])("with %s are refused", async (_what, id, body, status) => {
    const environment = await standing();
    await refused(await send("POST", `/${environment.id}/project/${id ?? projectId}`, body), status);
    expect(await data(await send("GET", `/${environment.id}/projects`))).toEqual([]);
  });

  it("come without the secrets that they name: their webhooks answer 503 until those are set", async () => {
    const secret = { value: "of the designer" };
    expect((await admin("PUT", "/secrets/only-here", secret)).ok).toBe(true);
    const webhook = {
      webhook: "signed",
      flow: "hello",
      signature: { scheme: "github", secret: "only-here" },
    };
    const applied = await admin("PUT", "/projects/secretive", {
      flows: [returning("hello", "one")],
      webhooks: [webhook],
    });
    expect(applied.ok).toBe(true);
    const { projects } = await (await admin("GET", "/projects?limit=200")).json<{
      projects: { id: number; name: string }[];
    }>();
    const id = projects.find(({ name }) => name === "secretive")?.id;
    const environment = await ready();
    const answered = await data(await send("POST", `/${environment.id}/project/${id}`, {}));
    expect(answered).toMatchObject({ projects: [String(id)] });
    const delivery = { method: "POST", body: "{}", headers: { "x-hub-signature-256": "sha256=00" } };
    expect((await hosted(at(environment), "/v1/webhook/signed", delivery)).status).toBe(503);
    expect((await call("/v1/webhook/signed", delivery)).status).toBe(401);
    const own = { "x-environment": environment.id, "content-type": "application/json" };
    expect((await admin("PUT", "/secrets/only-here", secret, own)).ok).toBe(true);
    expect((await hosted(at(environment), "/v1/webhook/signed", delivery)).status).toBe(401);
    await data(await send("DELETE", `/${environment.id}`));
    await becomes(environment.id, "deleted");
    const kept = env.DB.prepare("SELECT count(*) AS kept FROM secrets WHERE environment_id = ?");
    expect(await kept.bind(environment.id).first()).toEqual({ kept: 0 });
  });

  it("go with their data, and leave the designer's alone", async () => {
    const environment = await ready();
    await data(await send("POST", `/${environment.id}/project/${projectId}`, { all_tables: "insert" }));
    await becomes(environment.id, "ready");
    const answered = await data(await send("DELETE", `/${environment.id}/project/${projectId}`));
    expect(answered).toMatchObject({ projects: [] });
    await refused(await send("DELETE", `/${environment.id}/project/${projectId}`), 404);
    const tables = await env.DB.prepare("SELECT name FROM sqlite_master WHERE name = ?")
      .bind(`t${environment.id}_goods`)
      .all();
    expect(tables.results).toEqual([]);
    const there = await hosted(at(environment), "/phixflow/api/1/action/travelling/hello/trigger");
    expect(there.status).toBe(404);
    expect((await call("/phixflow/api/1/action/travelling/hello/trigger")).status).toBe(200);
    await data(await send("POST", `/${environment.id}/project/${projectId}`, {}));
    expect((await hosted(at(environment), "/phixflow/api/1/action/travelling/hello/trigger")).status).toBe(
      200,
    );
  });

  it("that are deleted from the designer are gone from the management API, until they are applied again", async () => {
    const empty = { flows: [] };
    for (const bundle of [empty, { flows: [returning("hello", "one")] }, empty]) {
      expect((await admin("PUT", "/projects/fleeting", bundle, { "if-none-match": "*" })).ok).toBe(true);
      expect((await admin("GET", "/projects/fleeting")).status).toBe(200);
      const listed = await data<Record<string, string>[]>(await send("GET", "/1/projects"));
      const id = listed.find(({ name }) => name === "fleeting")?.id;
      await data(await send("DELETE", `/1/project/${id}`));
      expect((await admin("GET", "/projects/fleeting")).status).toBe(404);
      expect((await admin("GET", "/projects/fleeting/flows")).status).toBe(404);
    }
  });

  it("have websites that are served where they are mapped, with tags, ranges and pages for what is missing", async () => {
    const environment = await ready();
    await data(await send("POST", `/${environment.id}/project/${projectId}`, { all_websites: "insert" }));
    await becomes(environment.id, "ready");
    const web = at(environment).replace("api-", "web-");
    expect((await hosted(web, "/shop/")).status).toBe(404);
    const mapping = { project_id: Number(projectId), url: "/shop", name: "shopfront", type: "website" };
    const mapped = await send("POST", `/${environment.id}/urls`, [mapping]);
    expect(await mapped.json()).toEqual({
      code: 200,
      data: {
        urls_mapped: [
          {
            url: "/shop/",
            project_id: Number(projectId),
            name: "shopfront",
            type: "website",
            date_created: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
            date_updated: expect.any(String),
          },
        ],
      },
    });
    const page = await hosted(web, "/shop/");
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(await page.text()).toBe("<h1>shop</h1>");
    const tag = page.headers.get("etag") as string;
    expect((await hosted(web, "/shop/", { headers: { "if-none-match": tag } })).status).toBe(304);
    const part = await hosted(web, "/shop/index.html", { headers: { range: "bytes=4-7" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      "bytes 4-7/13",
      "shop",
    ]);
    expect((await hosted(web, "/shop/index.html", { headers: { range: "bytes=99-" } })).status).toBe(416);
    const folder = await hosted(web, "/shop", { redirect: "manual" });
    expect([folder.status, folder.headers.get("location")]).toEqual([308, "/shop/"]);
    expect((await hosted(web, "/shop/none.html")).status).toBe(404);
    expect((await hosted(web, "/shop/", { method: "POST" })).status).toBe(405);
    // Another environment's hosts show nothing of it.
    expect((await call("/shop/")).status).toBe(404);
    const removed = await send("DELETE", `/${environment.id}/urls`, [
      { project_id: Number(projectId), url: "/shop/", type: "website" },
    ]);
    expect(await removed.json()).toEqual({ code: 200, data: { urls_mapped: [] } });
    const gone = await send("DELETE", `/${environment.id}/urls`, [
      { project_id: Number(projectId), url: "/shop/", type: "website" },
    ]);
    expect(gone.status).toBe(404);
  });

  it.each([
    ["an unknown project", { project_id: 999999 }],
    ["an unknown website", { name: "nothing" }],
    ["an unknown page", { type: "hostedpage" }],
    ["an unknown type", { type: "shop" }],
    ["a URL with a query", { url: "/a?b" }],
    ["a URL that climbs", { url: "/a/../b" }],
    ["no URL", { url: undefined }],
  ])("are not mapped with %s, and then none of the list is", async (_what, change) => {
    const good = { project_id: Number(projectId), url: "/", name: "shopfront", type: "website" };
    const environment = await ready();
    await data(await send("POST", `/${environment.id}/project/${projectId}`, {}));
    await refused(
      await send("POST", `/${environment.id}/urls`, [good, { ...good, url: "/b/", ...change }]),
      400,
    );
    const { data: mapped } = await (await send("GET", `/${environment.id}/urls`)).json<{
      data: { urls_mapped: unknown[] };
    }>();
    expect(mapped.urls_mapped).toEqual([]);
  });

  it("have hosted pages, which are one document each", async () => {
    const upload = await admin("PUT", "/projects/travelling/pages/My landing page", "<p>landed</p>", {
      "content-type": "text/html",
    });
    expect(upload.status).toBe(201);
    const mapping = {
      project_id: Number(projectId),
      url: "/landing/",
      name: "My landing page",
      type: "hostedpage",
    };
    expect((await send("POST", "/1/urls", [mapping])).status).toBe(200);
    const page = await call("/landing/");
    expect([page.status, await page.text()]).toEqual([200, "<p>landed</p>"]);
    expect((await call("/landing/more")).status).toBe(404);
  });
});

describe("storage", () => {
  it("that is full stops what stores and nothing else, and room lets writes in again", async () => {
    const environment = await ready();
    const host = (environment.info as { api_url: string }).api_url;
    const headers = {
      "content-type": "application/json",
      "x-apikey": dataKey,
      "x-environment": environment.id,
    };
    const applied = await admin(
      "PUT",
      "/projects/storing",
      {
        tables: [{ table: "heap", columns: { text: "text" } }],
        flows: [
          {
            flow: "store",
            endpoint: { anonymous: true },
            start: "insert",
            nodes: { insert: { type: "table.insert", table: "heap", values: { text: "x" }, next: "end" } },
          },
        ],
      },
      { "x-environment": environment.id },
    );
    if (!applied.ok) throw new Error(await applied.text());
    const use = (bytes: number) =>
      env.DB.prepare(
        "UPDATE environment_details SET used_bytes = ?, measured_at = ? WHERE environment_id = ?",
      )
        .bind(bytes, Date.now(), Number(environment.id))
        .run();
    const insert = () =>
      call("/v1/tables/heap", { method: "POST", headers, body: JSON.stringify({ text: "y" }) }, host);
    await use(200_000_000);
    expect(await refused(await insert(), 403)).toContain("full");
    const flow = await call("/phixflow/api/1/action/storing/store/trigger", {}, host);
    expect([flow.status, await flow.text()]).toEqual([400, expect.stringContaining("full")]);
    const upload = await admin("PUT", "/projects/storing/files/a.txt", "x", {
      "x-environment": environment.id,
    });
    expect(upload.status).toBe(403);
    expect((await call("/v1/tables/heap", { headers }, host)).status).toBe(200);
    // One byte less is not full; isolates may know it some seconds later.
    await use(199_999_999);
    await expect.poll(async () => (await insert()).status, { timeout: 15_000, interval: 500 }).toBe(200);
  }, 30_000);

  it("are optimized: what has expired is removed, and the answer says what", async () => {
    const { id } = await ready();
    await env.DB.prepare(
      `INSERT INTO runs (environment_id, id, project_id, project, flow_id, flow, flow_version, trigger_kind, user_name,
         started_at, ended_at, status) VALUES (?, '00000000alold', 1, 'p', 1, 'f', 1, 'action', 'system', 1, 2, 'Success')`,
    )
      .bind(Number(id))
      .run();
    expect((await data(await send("POST", `/${id}/optimize`))).status).toBe("upgrading");
    await becomes(id, "ready");
    const { optimized } = await data(await send("GET", `/${id}`));
    expect(optimized).toMatchObject({ old_runs: 1, expired_tokens: 0, orphaned_mappings: 0 });
  });
});

describe("deleting an environment", () => {
  it("goes through `deleting` to `deleted`; its host and data are gone, its name is free", async () => {
    const environment = await ready({ name: "short-lived" });
    const host = (environment.info as { api_url: string }).api_url;
    const answered = await data(await send("DELETE", `/${environment.id}`));
    expect(answered.status).toBe("deleting");
    expect(await becomes(environment.id, "deleted")).toEqual(["deleting", "deleted"]);
    expect((await send("GET", `/${environment.id}`)).status).toBe(404);
    const listed = await data<Wire[]>(await send("GET", ""));
    expect(listed.map(({ id }) => id)).not.toContain(environment.id);
    const row = await env.DB.prepare("SELECT host FROM environments WHERE id = ?")
      .bind(Number(environment.id))
      .first<{ host: string | null }>();
    expect(row?.host).toBeNull();
    expect(host).not.toBe("");
    await ready({ name: "short-lived" });
  });

  it("is refused for the default one", async () => {
    expect(await refused(await send("DELETE", "/1"), 409)).toContain("default");
  });
});
