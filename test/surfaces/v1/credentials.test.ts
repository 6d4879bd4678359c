import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { CallAuthority } from "../../../src/operations/access/authenticate-call";
import { maskedHeaders, maskedUrl } from "../../../src/operations/incoming-call";
import { defineV1Route, ok, type V1Method, type V1Route } from "../../../src/surfaces/v1/route";
import {
  accessToken,
  issueApiKey,
  issueInterface,
  keyHeaders,
  type V1Credentials,
  v1Credentials,
} from "../../support/v1";
import { frame } from "../../support/v1-frame";
import { admin } from "../../support/worker";

/** Answers who it was called by. */
function who(
  path: string,
  authority: CallAuthority,
  scope?: V1Route["scope"],
  method: V1Method = "GET",
): V1Route {
  return defineV1Route({
    method,
    path,
    summary: "who",
    tag: "test",
    authority,
    ...(scope === undefined ? {} : { scope }),
    parameters: { uuid: { headers: ["x-uuid", "uuid"], url: ["uuid"], description: "" } },
    body: "none",
    handle: async ({ principal, parameters }) =>
      ok(
        {
          kind: principal.kind,
          organization: principal.organizationId,
          environment: principal.environment.id,
          interface: principal.interface?.name ?? null,
          scopes: [...principal.scopes],
          uuid: parameters.uuid ?? null,
        },
        "done",
      ),
  });
}

const ask = frame([
  who("/v1/record", "interface", "record.read"),
  who("/v1/record", "interface", "record", "POST"),
  who("/v1/record", "interface", "record.delete", "DELETE"),
  who("/v1/schema", "interface", "schema"),
  who("/v1/tables/{table}", "apikey", "tables.read"),
  who("/v1/environment", "organization"),
  who("/v1/open", "none"),
]);

interface Asked {
  status: number;
  resource: Record<string, unknown>;
  error: { code: number; message: string } | null;
}
async function asked(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Asked> {
  const response = await ask(path, { method, headers });
  return { status: response.status, ...((await response.json()) as Omit<Asked, "status">) };
}
const refusal = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
  const { status, error } = await asked(path, headers, method);
  return [status, error?.code];
};

let demo: V1Credentials;
let token: string;
let keys: Record<string, string>;
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

beforeAll(async () => {
  demo = await v1Credentials("demo");
  token = (await accessToken(demo)).access;
  keys = keyHeaders(demo);
});

describe("the three forms", () => {
  test("a bearer token, also under the seed's misspelt header name", async () => {
    const expected = { kind: "oauth", organization: 1, environment: 1, interface: "demo" };
    expect((await asked("/record", bearer(token))).resource).toMatchObject(expected);
    expect((await asked("/record", { authentication: `bearer ${token}` })).resource).toMatchObject(expected);
    expect((await asked("/tables/users", bearer(token))).resource).toMatchObject(expected);
  });

  test("X-Apikey with X-App, by the interface's name and by its app key", async () => {
    const expected = { kind: "apikey", interface: "demo" };
    expect((await asked("/record", keys)).resource).toMatchObject(expected);
    expect((await asked("/record", { ...keys, "x-app": demo.appKey })).resource).toMatchObject(expected);
  });

  test("the URL, and a form in the body of a GET whatever its content type says", async () => {
    const query = new URLSearchParams({ api_key: demo.apiKey, app_key: demo.appKey, uuid: "u-1" }).toString();
    const expected = { kind: "apikey", interface: "demo", uuid: "u-1" };
    expect((await asked(`/record?${query}`)).resource).toMatchObject(expected);
    expect((await asked(`/record/?${query.replace(demo.appKey, "demo")}`)).resource).toMatchObject(expected);
    // A GET with a body cannot be made with `Request`; the conformance test over HTTP sends one.
    const form = await ask("/record", {
      method: "DELETE",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: query,
    });
    expect(((await form.json()) as Asked).resource).toMatchObject(expected);
  });

  test("client id and secret delete, and do nothing else", async () => {
    const headers = { client_id: demo.clientId, client_secret: demo.clientSecret, uuid: "u-2" };
    const deleted = await asked("/record", headers, "DELETE");
    expect(deleted.resource).toMatchObject({ kind: "client", interface: "demo", uuid: "u-2" });
    expect(await refusal("/record", headers)).toEqual([401, 401]);
    expect(await refusal("/record", { ...headers, client_secret: demo.appKey }, "DELETE")).toEqual([
      401, 401,
    ]);
  });

  test("tables need the API key alone; what needs an interface does not take it", async () => {
    const alone = { "x-apikey": demo.apiKey };
    expect((await asked("/tables/users", alone)).resource).toMatchObject({ kind: "apikey", interface: null });
    expect(await refusal("/record", alone)).toEqual([401, 401]);
    expect(await refusal("/tables/users", { ...alone, "x-app": "nobody" })).toEqual([401, 401]);
  });

  test("the organization's key opens the environments and nothing else, and no other key does", async () => {
    const organization = { "x-apikey": demo.organizationApiKey };
    expect((await asked("/environment", organization)).resource).toMatchObject({ kind: "organization" });
    expect(await refusal("/tables/users", organization)).toEqual([401, 401]);
    expect(await refusal("/record", { ...organization, "x-app": "demo" })).toEqual([401, 401]);
    for (const headers of [keys, bearer(token), { "x-apikey": demo.apiKey }])
      expect(await refusal("/environment", headers)).toEqual([401, 401]);
    expect(await refusal(`/environment?api_key=${demo.organizationApiKey}`)).toEqual([401, 401]);
  });
});

describe("several credentials at once", () => {
  test("headers win over the URL, right or wrong, and its parameters do not count", async () => {
    const url = `/record?api_key=${demo.apiKey}&app_key=${demo.appKey}&uuid=from-url`;
    expect(await refusal(url, { ...keys, "x-apikey": "wrong" })).toEqual([401, 401]);
    expect(await refusal(url, bearer("0".repeat(64)))).toEqual([403, 436]);
    expect((await asked(url, { ...keys, "x-uuid": "from-header" })).resource.uuid).toBe("from-header");
    expect((await asked(url, keys)).resource.uuid).toBeNull();
    // Header and URL never complete each other.
    expect(await refusal(`/record?app_key=${demo.appKey}`, { "x-apikey": demo.apiKey })).toEqual([401, 401]);
  });

  test("a token goes before a key, and what each may do is never added up", async () => {
    const reader = await issueInterface("reader", { scopes: ["record.read"], access: "oauth" });
    const { access } = await accessToken(reader);
    const both = { ...bearer(access), ...keys };
    expect((await asked("/record", both)).resource).toMatchObject({ kind: "oauth", interface: "reader" });
    expect(await refusal("/record", both, "POST")).toEqual([403, 403]);
    expect(await refusal("/record", { ...bearer("f".repeat(64)), ...keys })).toEqual([403, 436]);
  });

  test("smuggled ones are refused", async () => {
    const twice = { authorization: `Bearer ${token}`, authentication: `Bearer ${"0".repeat(64)}` };
    expect(await refusal("/record", twice)).toEqual([401, 401]);
    expect(await refusal("/record", { ...keys, "x-apikey": `${demo.apiKey}, ${demo.apiKey}` })).toEqual([
      401, 401,
    ]);
    expect(await refusal("/record", { authorization: `Bearer ${token}, Bearer ${token}` })).toEqual([
      401, 401,
    ]);
    expect(await refusal(`/record?api_key=${demo.apiKey}&api_key=other&app_key=demo`)).toEqual([400, 400]);
  });
});

describe("what is refused", () => {
  test("nothing, nonsense, and the wrong kind of secret", async () => {
    expect(await refusal("/record")).toEqual([401, 401]);
    for (const junk of ["", "x", "' OR 1=1 --", "a".repeat(7_000), "é", "0".repeat(64)]) {
      expect(await refusal("/record", { ...keys, "x-apikey": junk })).toEqual([401, 401]);
      expect(await refusal("/record", { ...keys, "x-app": junk })).toEqual([401, 401]);
      expect((await asked("/record", { authorization: `Bearer ${junk}` })).status).toBeOneOf([401, 403]);
    }
    expect(await refusal("/record", { authorization: `Basic ${btoa("a:b")}` })).toEqual([401, 401]);
    expect(await refusal("/record", { ...keys, "x-apikey": demo.clientSecret })).toEqual([401, 401]);
    expect(await refusal("/record", bearer(demo.apiKey))).toEqual([403, 436]);
  });

  test("a refresh token as an access token, a tampered one, an expired one: 403 with code 436", async () => {
    const issued = await accessToken(demo);
    expect(await refusal("/record", bearer(issued.refresh))).toEqual([403, 436]);
    const flipped = `${issued.access.slice(0, -1)}${issued.access.endsWith("0") ? "1" : "0"}`;
    expect(await refusal("/record", bearer(flipped))).toEqual([403, 436]);
    expect(await refusal("/record", bearer(issued.access.toUpperCase()))).toEqual([403, 436]);
    await env.DB.prepare("UPDATE oauth_tokens SET expires_at = ?1 WHERE kind = 'access'")
      .bind(Date.now() - 1)
      .run();
    expect(await refusal("/record", bearer(issued.access))).toEqual([403, 436]);
    token = (await accessToken(demo)).access;
  });

  test("an expired key, and a key in its last moment", async () => {
    const past = await issueApiKey("data", 1, Date.now() - 1);
    expect(await refusal("/record", { ...keys, "x-apikey": past })).toEqual([401, 401]);
    const coming = await issueApiKey("data", 1, Date.now() + 60_000);
    expect((await asked("/record", { ...keys, "x-apikey": coming })).status).toBe(200);
  });

  test("the form that an interface does not take", async () => {
    const oauth = await issueInterface("only-oauth", { access: "oauth" });
    const byKey = await issueInterface("only-key", { access: "apikey" });
    expect(await refusal("/record", { ...keys, "x-app": oauth.name })).toEqual([401, 401]);
    expect((await asked("/record", { ...keys, "x-app": byKey.name })).status).toBe(200);
    await expect(accessToken(byKey)).rejects.toThrow(/401/);
  });

  test("tokens of an interface that is gone, or takes no tokens any more", async () => {
    const gone = await issueInterface("gone");
    const { access } = await accessToken(gone);
    expect((await asked("/record", bearer(access))).status).toBe(200);
    await issueInterface("gone", { access: "apikey" }).catch(() => {});
    expect(await refusal("/record", bearer(access))).toEqual([403, 436]);
    expect((await admin("PUT", "/projects/interface%20gone", { interfaces: [] })).ok).toBe(true);
    expect(await refusal("/record", bearer(access))).toEqual([403, 436]);
    expect(await refusal("/record", { ...keys, "x-app": "gone" })).toEqual([401, 401]);
  });
});

describe("scopes", () => {
  test("the plain one includes the others of its name, and no more", async () => {
    const reader = await issueInterface("schema-reader", { scopes: ["schema.read", "record.delete"] });
    const as = { ...keys, "x-app": reader.name };
    expect(await refusal("/schema", as)).toEqual([403, 403]);
    expect(await refusal("/record", as)).toEqual([403, 403]);
    expect((await asked("/record", as, "DELETE")).status).toBe(200);
    expect(await refusal("/record", as, "POST")).toEqual([403, 403]);
  });

  test("what is asked for bounds the call; beyond the interface's is 403, and so is *", async () => {
    const writer = await issueInterface("writer", { scopes: ["record"] });
    const as = (scopes: string) => ({ ...keys, "x-app": writer.name, "x-scopes": scopes });
    expect((await asked("/record", as("record.read"))).resource.scopes).toEqual(["record.read"]);
    expect((await asked("/record", as("record.read, record"))).status).toBe(200);
    expect(await refusal("/record", as("record.read"), "POST")).toEqual([403, 403]);
    for (const scopes of ["*", "schema", "record schema.read", "record.write", "__proto__", "RECORD"])
      expect(await refusal("/record", as(scopes))).toEqual([403, 403]);
    // Deleting, the seed sends it as a plain header.
    const { "x-scopes": _, ...plain } = as("");
    expect((await asked("/record", { ...plain, scopes: "record.delete" }, "DELETE")).status).toBe(200);
    const url = `/record?api_key=${demo.apiKey}&app_key=writer&scopes=`;
    expect((await asked(`${url}record.read`)).status).toBe(200);
    expect(await refusal(`${url}*`)).toEqual([403, 403]);
  });

  test("a token keeps no scope that its interface has lost", async () => {
    const shrinking = await issueInterface("shrinking", { scopes: ["record", "schema"] });
    const { access } = await accessToken(shrinking);
    expect((await asked("/schema", bearer(access))).status).toBe(200);
    await admin("PUT", "/projects/interface%20shrinking", {
      interfaces: [{ interface: "shrinking", access: "both", scopes: ["record"] }],
    });
    expect(await refusal("/schema", bearer(access))).toEqual([403, 403]);
    expect((await asked("/record", bearer(access))).status).toBe(200);
  });
});

describe("the address list", () => {
  test("lets in what is on it, by the platform's word alone: else 403 with code 437", async () => {
    const listed = await issueInterface("listed", {
      ipAllowList: ["192.0.2.0/24", "2001:db8::/32", "203.0.113.9"],
    });
    const from = (address: string, more: Record<string, string> = {}) => ({
      ...keys,
      "x-app": listed.name,
      "cf-connecting-ip": address,
      ...more,
    });
    for (const address of ["192.0.2.1", "192.0.2.255", "2001:db8::1", "::ffff:192.0.2.7", "203.0.113.9"])
      expect((await asked("/record", from(address))).status).toBe(200);
    for (const address of ["192.0.3.0", "2001:db9::1", "203.0.113.10", "127.0.0.1", "nonsense", "192.0.2"])
      expect(await refusal("/record", from(address))).toEqual([403, 437]);
    for (const name of ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "client-ip"])
      expect(await refusal("/record", from("198.51.100.1", { [name]: "192.0.2.1" }))).toEqual([403, 437]);
    const { "cf-connecting-ip": _, ...untold } = from("");
    expect(await refusal("/record", { ...untold, "x-forwarded-for": "192.0.2.1" })).toEqual([403, 437]);
  });

  test("guards tokens too: getting them and using them", async () => {
    const listed = await issueInterface("listed-oauth", { ipAllowList: ["192.0.2.1"] });
    await expect(accessToken(listed)).rejects.toThrow(/403.*437/);
  });
});

test("credentials are masked wherever a call is logged", () => {
  const url = maskedUrl(`https://api.test/v1/record?api_key=${demo.apiKey}&app_key=${demo.appKey}&uuid=1`);
  for (const secret of [demo.apiKey, demo.appKey]) expect(url).not.toContain(secret);
  const headers = Object.entries({
    Authorization: `Bearer ${token}`,
    Authentication: `Bearer ${token}`,
    "X-Apikey": demo.apiKey,
    "X-App": demo.appKey,
    client_secret: demo.clientSecret,
    refresh_token: token,
  });
  const logged = JSON.stringify(maskedHeaders(headers));
  for (const [, value] of headers) expect(logged).not.toContain(value);
});

test("no credential is kept in clear", async () => {
  const tables = ["organization_keys", "interface_credentials", "oauth_tokens", "event_tokens"];
  const rows = await Promise.all(tables.map((table) => env.DB.prepare(`SELECT * FROM ${table}`).all()));
  const stored = JSON.stringify(rows.map(({ results }) => results));
  for (const secret of [demo.apiKey, demo.organizationApiKey, demo.clientSecret, demo.appKey, token])
    expect(stored).not.toContain(secret);
});
