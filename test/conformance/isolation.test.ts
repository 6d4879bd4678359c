import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { accessToken, issueApiKey, issueInterface, keyHeaders, v1 } from "../support/v1";
import { admin, call, ORIGIN } from "../support/worker";

/**
 * Every route of the v1 API, taken from the OpenAPI document, called with the credentials of another organization and of
 * another environment, naming what there is and what there is not. Both must be answered the same, and nothing of the owner's may
 * change. A route that is added is tested here without a line more, as long as its path's parameters are named below.
 */

/** The owner's things, in the organization that comes first, and names that nobody has. */
const REAL = {
  table: "orders",
  id: "1",
  keystore: "weather",
  key: "london",
  uuid: "record-of-the-owner",
  flow: "flow-of-the-owner",
  uri: "hook-of-the-owner",
  environment: "1",
  project: "1",
  delivery: "1",
  name: "orders",
};
const MISSING: typeof REAL = {
  table: "absent",
  id: "987654",
  keystore: "absentee",
  key: "nowhere",
  uuid: "record-of-nobody-999",
  flow: "flow-of-nobody-99",
  uri: "hook-of-nobody-99",
  environment: "987654",
  project: "987654",
  delivery: "987654",
  name: "absent",
};
/** Which of them a path's parameter takes. */
const PARAMETERS: Record<string, keyof typeof REAL> = {
  table: "table",
  table_name: "table",
  id: "id",
  keystore: "keystore",
  keystore_id: "keystore",
  key: "key",
  keystore_key: "key",
  uuid: "uuid",
  uri: "uri",
  webhook_uri: "uri",
  environment: "environment",
  environment_id: "environment",
  project: "project",
  project_id: "project",
  delivery: "delivery",
};

interface Operation {
  method: string;
  path: string;
  names: string[];
}
interface Document {
  paths: Record<
    string,
    Record<string, { security?: unknown[]; parameters?: { in: string; name: string }[] }>
  >;
}

const OWNER = "http://owner.test";
const FLOW = {
  flow: REAL.flow,
  outputs: { out: "any" },
  start: "out",
  nodes: { out: { type: "output", to: "out", value: 1 } },
};

let operations: Operation[];
let owner: { keys: Record<string, string>; flowId: string };
/** Credentials of others, by what they are. */
const strangers: [string, Record<string, string>, string][] = [];

function headersFor(names: typeof REAL): Record<string, string> {
  return {
    "x-uuid": names.uuid,
    "x-flow": names.flow,
    "x-movetoflow-flow": names.flow,
    "x-queue-uuids": names.uuid,
    "x-queue-status": "delete-from-queue",
    "x-status": "inactive",
  };
}

/** What each kind of route takes; a route that takes something else refuses it, the same for all names. */
function bodyFor({ method, path }: Operation, names: typeof REAL): string | undefined {
  if (method === "GET") return undefined;
  if (path.includes("/record/")) return JSON.stringify([names.uuid]);
  if (path.endsWith("/search") || path.endsWith("/{keystore}")) {
    return JSON.stringify({ select: [{ field: "*" }], where: { rules: [] } });
  }
  if (path.includes("/tables/"))
    return JSON.stringify({ columns: [{ column_name: "name", column_value: "stolen" }] });
  return JSON.stringify({ name: "stolen" });
}

let addresses = 0;
function nextAddress(): string {
  addresses += 1;
  return `198.51.${addresses >> 8}.${addresses & 255}`;
}

async function answerTo(
  operation: Operation,
  names: typeof REAL,
  [, credentials, query]: (typeof strangers)[number],
  origin: string,
): Promise<string> {
  const path = operation.path.replace(
    /\{(\w+)\}/g,
    (_, name: string) => names[PARAMETERS[name] as keyof typeof REAL],
  );
  const inUrl = query === "" ? "" : `?${query}&uuid=${names.uuid}&flow_name=${names.flow}&status=inactive`;
  const response = await exports.default.fetch(`${origin}${path}${inUrl}`, {
    method: operation.method,
    headers: {
      "content-type": "application/json",
      // Refused calls count by address; none of these shall be refused for that.
      "cf-connecting-ip": nextAddress(),
      ...headersFor(names),
      ...credentials,
    },
    ...(operation.method === "GET" ? {} : { body: bodyFor(operation, names) as string }),
  });
  let text = (await response.text()).replaceAll(/198\.51\.\d+\.\d+/g, "<address>");
  for (const [key, value] of Object.entries(names))
    if (value.length > 4) text = text.replaceAll(value, `<${key}>`);
  // Ids and times of what a stranger made for itself differ from call to call.
  return `${response.status} ${text.replaceAll(/\b\d{4}-\d\d-\d\d[ T][\d:.Z]+/g, "<time>").replaceAll(/\b(?:1|987654)\b/g, "<n>")}`;
}

/** What the owner has, as the owner sees it. */
async function possessions(): Promise<string[]> {
  const paths = [
    `/tables/${REAL.table}/1`,
    `/keystore/${REAL.keystore}/${REAL.key}`,
    "/schema",
    `/record/${REAL.uuid}`,
    "/record/search",
  ];
  return Promise.all(
    paths.map(async (path) => {
      const response = await v1("GET", path, { ...owner.keys, "cache-control": "no-cache" });
      return `${path} ${response.status} ${await response.text()}`;
    }),
  );
}

beforeAll(async () => {
  const { paths } = await call("/openapi.json").then((response) => response.json<Document>());
  operations = Object.entries(paths)
    .filter(([path]) => path.startsWith("/v1/"))
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security }]) => (security ?? []).length > 0)
        .map(([method]) => ({
          method: method.toUpperCase(),
          path,
          names: [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name),
        })),
    )
    .filter(({ path }) => !/\/v1\/(?:checkauthentication|refreshtoken)$/.test(path));

  // The owner: organization 1, its default environment, which has a host name.
  expect((await admin("PATCH", "/environments/1", { host: "owner.test" })).ok).toBe(true);
  const applied = await admin("PUT", "/projects/owned", {
    flows: [FLOW],
    tables: [{ table: REAL.table, columns: { name: "text" } }],
    keystores: [{ keystore: REAL.keystore, empty: {} }],
    webhooks: [{ webhook: REAL.uri, flow: REAL.flow }],
  });
  if (!applied.ok) throw new Error(await applied.text());
  const { name } = await issueInterface("owner");
  owner = { keys: keyHeaders({ apiKey: await issueApiKey(), name }), flowId: "" };
  const made = [
    v1("POST", `/tables/${REAL.table}`, owner.keys, { name: "mine" }),
    v1("POST", `/keystore/${REAL.keystore}/${REAL.key}`, owner.keys, { temp: 15 }),
    v1("POST", "/schema", owner.keys, {
      schema: btoa('{"type":["object","array"]}'),
      data_record: btoa('{"client":[]}'),
      url: "x",
    }),
  ];
  for (const response of await Promise.all(made)) expect(response.status).toBeLessThan(300);
  const record = await v1(
    "POST",
    "/record",
    { ...owner.keys, "x-flow": REAL.flow, "x-uuid": REAL.uuid, "x-executiontime": "2099-01-01T00:00:00Z" },
    { client: [] },
  );
  expect([record.status, await record.text()]).toEqual([201, expect.any(String)]);

  const organization = await admin("POST", "/organizations", { name: "Strangers" }).then((response) =>
    response.json<{ id: number }>(),
  );
  const { environments } = await admin("GET", `/organizations/${organization.id}/environments`).then(
    (response) => response.json<{ environments: { id: number }[] }>(),
  );
  const elsewhere = environments[0]?.id as number;
  const sibling = await admin("POST", "/organizations/1/environments", { name: "sibling" }).then((response) =>
    response.json<{ id: number }>(),
  );
  const theirs = await issueInterface("stranger", {}, elsewhere);
  const apiKey = await issueApiKey("data", organization.id);
  const organizationKey = await issueApiKey("organization", organization.id);
  const near = await issueInterface("neighbour", {}, sibling.id);
  strangers.push(
    ["token", { authorization: `Bearer ${(await accessToken(theirs)).access}` }, ""],
    ["key and interface", keyHeaders({ apiKey, name: theirs.name }), ""],
    ["key alone", { "x-apikey": apiKey }, ""],
    ["URL", {}, `api_key=${apiKey}&app_key=${theirs.appKey}`],
    ["client secret", { client_id: theirs.clientId, client_secret: theirs.clientSecret }, ""],
    ["organization's key", { "x-apikey": organizationKey }, ""],
    ["key with the owner's interface", keyHeaders({ apiKey, name: "owner" }), ""],
    ["token of a sibling environment", { authorization: `Bearer ${(await accessToken(near)).access}` }, ""],
    ["client secret of a sibling", { client_id: near.clientId, client_secret: near.clientSecret }, ""],
  );
});

test("the document names every route's parameters, and there are routes of each kind", () => {
  const unknown = operations.flatMap(({ names }) => names.filter((name) => !(name in PARAMETERS)));
  expect(unknown).toEqual([]);
  for (const part of ["schema", "record", "keystore", "tables"])
    expect(operations.some(({ path }) => path.startsWith(`/v1/${part}`))).toBe(true);
  expect(operations.length).toBeGreaterThan(20);
});

describe("strangers", () => {
  test("get the same answer for what there is as for what there is not, and change nothing", async () => {
    const before = await possessions();
    expect(before.filter((answer) => !/ 200 /.test(answer))).toEqual([]);
    let compared = 0;
    const statuses = new Map<string, number>();
    for (const stranger of strangers) {
      for (const operation of operations) {
        for (const origin of [ORIGIN, OWNER]) {
          const there = await answerTo(operation, REAL, stranger, origin);
          const nowhere = await answerTo(operation, MISSING, stranger, origin);
          const what = `${stranger[0]}: ${operation.method} ${operation.path} at ${origin}`;
          expect.soft(there, what).toBe(nowhere);
          expect.soft(there, what).not.toMatch(/^5\d\d|^429|mine|"temp"/);
          const status = `${stranger[0]} ${there.slice(0, 3)}`;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          compared += 1;
        }
      }
    }
    // Strangers whose credentials are right are let in, and do not find what they name.
    for (const form of ["token", "key and interface", "URL", "token of a sibling environment"])
      expect(statuses.get(`${form} 404`), form).toBeGreaterThan(3);
    expect(compared).toBe(strangers.length * operations.length * 2);
    expect(await possessions()).toEqual(before);
  }, 120_000);

  test("find nothing of the owner's in a list", async () => {
    for (const [what, credentials] of strangers.filter(([, headers]) => Object.keys(headers).length > 0)) {
      const found = await v1("GET", "/record/search", credentials);
      expect.soft(await found.text(), what).not.toContain(REAL.uuid);
    }
  });

  test("are told of a token that it is not valid at the host name of another", async () => {
    const [, credentials] = strangers[0] as (typeof strangers)[number];
    const response = await exports.default.fetch(`${OWNER}/v1/schema`, { headers: credentials });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: 436 } });
  });
});
