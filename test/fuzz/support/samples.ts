import { responding, returning } from "../../support/worker";
import type { Random } from "./random";

/** The project that is fuzzed: a bit of everything that a bundle can declare. */
export const PROJECT = "fuzz";
export const BUNDLE = {
  flows: [
    returning("echo", "=input"),
    responding("page", {
      statusCode: "=input.query.status ? $number(input.query.status) : 200",
      body: "=input.body",
    }),
    returning("keyed", "=input.json", { endpoint: { anonymous: false } }),
    returning("later", "=input", { endpoint: { mode: "async", anonymous: true } }),
    returning("shaped", "=input.json", {
      input: { query: { since: "date?" }, body: { amount: "number", "tags?": ["string"] } },
    }),
    {
      flow: "held",
      endpoint: { anonymous: true, mode: "async" },
      outputs: { out: "any" },
      start: "wait",
      nodes: {
        wait: { type: "wait", timeout: "1h", reveal: true, results: { ok: "out", timeout: "end" } },
        out: { type: "output", to: "out", value: "=item.callback" },
      },
    },
    {
      flow: "searched",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "rows",
      nodes: {
        rows: {
          type: "table.search",
          table: "people",
          where: { field: "name", operator: "=", value: "=input.json.name" },
          results: { rows: "out", none: "end" },
        },
        out: { type: "output", to: "out" },
      },
    },
    {
      flow: "created",
      workflow: { event: "order.created" },
      outputs: { objects: "any" },
      start: "sum",
      nodes: {
        sum: { type: "calculate", set: { "order.total": 1 }, next: "objects" },
        objects: { type: "output", to: "objects" },
      },
    },
  ],
  tables: [
    {
      table: "people",
      columns: {
        name: { type: "text", required: true, unique: true },
        age: { type: "integer", index: true },
        born: "date",
        extra: "json",
        score: "real",
        active: "boolean",
      },
      seed: [{ name: "ada", age: 36 }],
    },
  ],
  keystores: [
    { keystore: "weather", empty: {} },
    { keystore: "notes", type: "raw" },
  ],
  webhooks: [
    { webhook: "plain", flow: "echo" },
    { webhook: "signed", flow: "echo", signature: { scheme: "standard", secret: "hook" } },
  ],
  events: [
    {
      event: "order.created",
      params: ["channel"],
      objects: { order: { id: "integer", "note?": "string", "total?": "number" } },
    },
  ],
  interfaces: [
    {
      interface: "client",
      access: "both",
      scopes: ["schema", "record", "flowdiagram", "webhook", "keystore", "tables"],
      rateLimit: { limit: 1_000_000 },
    },
  ],
  mappedFields: [{ field: "order", path: "$.order.no" }],
  websites: [{ website: "shop" }],
  integrations: [
    {
      integration: "shopify",
      baseUrl: "https://api.example.com",
      endpoints: { orders: { path: "/orders" } },
    },
  ],
};

/** Right values of parameters and properties, by name. The ids are those of what a fresh deployment makes first. */
const RIGHT: Record<string, readonly unknown[]> = {
  project: [PROJECT],
  projects: [PROJECT],
  flow: ["echo", "page", "keyed", "later", "shaped", "held", "searched", "created"],
  version: [1, 2],
  instance: ["phixflow"],
  alias: ["echo", "page", "keyed", "later"],
  table: ["people"],
  keystore: ["weather", "notes"],
  key: ["london", "paris"],
  webhook: ["plain", "signed"],
  uri: ["plain", "signed"],
  interface: ["client"],
  website: ["shop"],
  path: ["index.html", "a/b.css", "index.html/"],
  page: ["home", "about"],
  organization: ["1"],
  environment: ["1"],
  environment_id: ["1", "2"],
  project_id: ["1"],
  user: ["ada"],
  group: ["adas"],
  role: ["ada role"],
  name: ["hook", "other", "ada"],
  uuid: ["record-1", "record-2"],
  id: ["1", "2"],
  "x-uuid": ["record-1", "record-2"],
  flow_name: ["echo", "later"],
  "x-flow": ["echo", "later"],
  "x-movetoflow-flow": ["later"],
  movetoflow_flow: ["later"],
  "x-queue-uuids": ["record-1", "record-1,record-2"],
  queue_uuids: ["record-1"],
  "x-queue-status": ["delete-from-queue", "pause-queue", "resume-queue", "execute-queue"],
  queue_status: ["delete-from-queue", "pause-queue", "resume-queue", "execute-queue"],
  "x-status": ["active", "inactive"],
  status: ["running", "paused", "Success", "active"],
  flow_id: ["1", "2", "echo"],
  "x-flow-id": ["1", "2", "echo"],
  limit: ["1", "10", "100"],
  offset: ["0", "1"],
  timeout: ["1s", "1000", "5"],
  fields: ["data", "resource.uuid", "name"],
  format: ["json", "yaml", "svg", "mermaid"],
  datarecord_status: [""],
  "x-datarecord-status": [""],
  datafield_name: ["order"],
  "x-datafield-name": ["order"],
  datafield_value: ["7"],
  "x-datafield-value": ["7"],
  date_type: ["date_created", "date_started"],
  "x-date-type": ["date_created", "date_started"],
  date_from: ["2020-01-01 00:00:00"],
  "x-date-from": ["2020-01-01 00:00:00"],
  date_to: ["2040-01-01 00:00:00"],
  "x-date-to": ["2040-01-01 00:00:00"],
  "x-limit": ["1", "10"],
  "x-offset": ["0", "1"],
  "x-expires-in": ["60"],
  grant_type: ["client_credentials", "refresh_token"],
  prefer: ["respond-async", "wait=1"],
  from: ["2020-01-01T00:00:00Z"],
  to: ["2040-01-01T00:00:00Z"],
  executiontime: ["", "2099-01-01T00:00:00Z"],
  "x-executiontime": ["", "2099-01-01T00:00:00Z"],
  expires_in: ["60", "1h"],
  "if-match": ["*", '"1"'],
  "if-none-match": ["*"],
  dryRun: ["true", "false"],
};

export function right(name: string, random: Random): unknown {
  const choices = RIGHT[name];
  return choices === undefined ? undefined : random.pick(choices);
}

const RULES = {
  condition: "AND",
  rules: [
    { field: "age", operator: ">", value: "35" },
    {
      condition: "OR",
      rules: [
        { field: "name", operator: "begins_with", value: "a" },
        { field: "age", operator: "between", value: [1, 99] },
      ],
    },
    { field: "name", operator: "in", value: ["ada", "bob"] },
  ],
};
const ROW = { name: "bob", age: 7, born: "2001-02-03", extra: { a: [1] }, score: 1.5, active: true };
const SCHEMA = { schema: btoa('{"type":["object","array"]}'), data_record: btoa('{"client":[]}'), url: "x" };
const RECORD = { client: [{ name: "Ada" }], order: { no: "7" } };

/** Right bodies of operations whose schema says little, or is so large that values made by chance are seldom taken. */
const BODIES: Record<string, readonly unknown[]> = {
  "PUT /admin/v1/projects/{project}": [BUNDLE],
  "POST /admin/v1/projects/{project}/integrations:import": [
    {
      openapi: "3.0.0",
      info: { title: "a", version: "1" },
      servers: [{ url: "https://api.example.com" }],
      paths: {
        "/things/{id}": {
          get: {
            operationId: "thing",
            parameters: [{ in: "path", name: "id", required: true, schema: { type: "string" } }],
            responses: {
              200: { description: "ok", content: { "application/json": { schema: { type: "object" } } } },
            },
          },
        },
      },
    },
  ],
  "PUT /admin/v1/keystores/{keystore}/keys/{key}": [{ temp: 15 }],
  "POST /workflow/run": [
    {
      eventHandle: "order.created",
      params: [{ key: "channel", value: 7 }],
      objects: { order: { id: 1, note: "x" } },
    },
    { eventHandle: "order.created", draft: true, objects: { order: { id: 1 } } },
  ],
  "POST /v1/tables/{table}": [
    ROW,
    [ROW, { ...ROW, name: "eve" }],
    { columns: [{ column_name: "name", column_value: "eve" }] },
  ],
  "PUT /v1/tables/{table}": [{ columns: [{ column_name: "age", column_value: 8 }], where: RULES }],
  "POST /v1/tables/{table}/{id}": [ROW, { where: RULES, limit: 2, order_field: "age", order_type: "desc" }],
  "PUT /v1/tables/{table}/{id}": [{ age: 8 }, { columns: [{ column_name: "age", column_value: 8 }] }],
  "POST /v1/tables/{table}/search": [
    { where: RULES, limit: 2, offset: 0, order_field: "age", order_type: "desc" },
    { select: [{ field: "*" }], where: { field: "extra", operator: "contains", value: "a" } },
    { select: [{ field: "name", alias: "n" }], order_by: [{ field: "name", type: "asc" }] },
  ],
  "POST /v1/tables/{table}/aggregate": [
    {
      aggregates: { n: "count", largest: { max: "age" }, mean: { avg: "score" } },
      group_by: ["name"],
      where: RULES,
    },
  ],
  "POST /v1/tables/{table}/upsert": [{ on: ["name"], rows: [ROW] }],
  "POST /v1/keystore/{keystore}/{key}": [{ temp: 15, place: { lat: 1 } }],
  "PUT /v1/keystore/{keystore}/{key}": [{ temp: 16 }],
  "POST /v1/keystore/{keystore}": [
    { select: [{ field: "*" }], where: { rules: [{ field: "temp", operator: ">", value: 1 }] }, limit: 1 },
  ],
  "POST /v1/schema": [SCHEMA],
  "PUT /v1/schema": [SCHEMA],
  "POST /v1/record": [RECORD, [RECORD, RECORD]],
  "PUT /v1/record": [RECORD],
  "PUT /v1/record/{uuid}": [RECORD],
  "PUT /v1/record/changestatus": [["record-1", "record-2"], { queue_uuids: ["record-1"] }],
  "PUT /v1/record/movetoflow": [["record-1"], { queue_uuids: ["record-1"] }],
  "POST /v1/environment": [{ name: "second", package: "SS-A", region: "london" }],
  "POST /v1/environment/{environment_id}": [
    { name: "third", description: "A third one." },
    { pem_file: "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----", delete_certificate: "1" },
  ],
  "POST /v1/environment/{environment_id}/upgrade": [{ package: "SS-B", storage: 100 }],
  "POST /v1/environment/{environment_id}/project/{project_id}": [
    {},
    { all_tables: "insert", all_websites: "insert" },
  ],
  "POST /v1/environment/{environment_id}/urls": [
    [{ project_id: "1", url: "/shop/", name: "shop", type: "website" }],
  ],
  "DELETE /v1/environment/{environment_id}/urls": [[{ project_id: "1", url: "/shop/", type: "website" }]],
  "POST /oauth/token": [{ grant_type: "client_credentials", scope: "record" }],
  "POST /oauth/revoke": [{ token: "x" }],
  "POST /oauth/introspect": [{ token: "x" }],
};

export function rightBody(operation: string, random: Random): unknown {
  const choices = BODIES[operation];
  return choices === undefined ? undefined : random.pick(choices);
}
