import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { IntegrationDefinition } from "../../src/domain/integration";
import { MAX_CALL_PARAMETERS } from "../../src/domain/limits";
import { integrationProblems } from "../../src/operations/check-integration";
import { importOpenApi } from "../../src/operations/import-openapi";

const EXAMPLES = join(import.meta.dirname, "../../node_modules/@readme/oas-examples");

function published(version: string): string[] {
  const files: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.(json|ya?ml)$/.test(entry.name)) files.push(path);
    }
  };
  visit(join(EXAMPLES, version));
  return files;
}

function read(path: string): Record<string, unknown> {
  const text = readFileSync(path, "utf8");
  return (path.endsWith(".json") ? JSON.parse(text) : parse(text, { maxAliasCount: -1 })) as Record<
    string,
    unknown
  >;
}

/** Operations that a document has, by its own text. */
function operations(document: Record<string, unknown>): number {
  const paths = Object.values((document.paths ?? {}) as Record<string, Record<string, unknown>>);
  const methods = ["get", "post", "put", "patch", "delete", "head"];
  return paths.flatMap((item) => Object.keys(item).filter((key) => methods.includes(key))).length;
}

/** Documents of one's own: their paths, divided by commas. GitHub's, of 13 MB, is in the package @octokit/openapi, of 400 MB. */
const { OPENAPI_DOCUMENTS = "" } = process.env;

describe("published documents", () => {
  test.each([
    ...[...published("3.0"), ...published("3.1")].map((path) => [path.slice(EXAMPLES.length + 1), path]),
    ...OPENAPI_DOCUMENTS.split(",")
      .filter((path) => path !== "")
      .map((path) => [path, path]),
  ])("%s", (_, path = "") => {
    const document = read(path);
    if (document.openapi === undefined) return;
    const count = operations(document);
    if (count === 0) {
      expect(() => importOpenApi(document, { baseUrl: "https://api.acme.org" })).toThrow();
      return;
    }
    const { integration, notes } = importOpenApi(document, {
      name: "imported",
      baseUrl: "https://api.acme.org",
    });
    const definition = IntegrationDefinition.parse(integration);
    expect(integrationProblems(definition, "/integrations/0", {})).toEqual([]);
    const leftOut = notes.filter((note) => note.includes("left out")).length;
    expect(Object.keys(definition.endpoints).length).toBeGreaterThanOrEqual(count - leftOut);
  });

  test.each(published("2.0").slice(0, 3))("of Swagger 2 are refused: %s", (path) => {
    expect(() => importOpenApi(read(path), {})).toThrow("Swagger 2");
  });

  test("train-travel: base URL, endpoints, parameters, credentials", () => {
    const { integration, secrets } = importOpenApi(read(join(EXAMPLES, "3.1/json/train-travel.json")), {});
    expect(integration).toMatchObject({
      integration: "Train-Travel-API",
      baseUrl: "https://api.example.com",
      endpoints: {
        "get-stations": { method: "GET", path: "/stations" },
        "get-booking": { method: "GET", path: "/bookings/{bookingId}" },
        "create-booking": { method: "POST", bodyRequired: true },
      },
    });
    const trips = integration.endpoints["get-trips"]?.parameters?.filter(({ required }) => required);
    expect(trips?.map(({ name }) => name)).toEqual(["origin", "destination", "date"]);
    expect(secrets).toEqual(["TrainTravelAPIToken"]);
  });
});

describe("a document", () => {
  const document = (more: object = {}) => ({
    openapi: "3.0.3",
    info: { title: "Fx rates!" },
    servers: [{ url: "https://{region}.acme.org/v1/", variables: { region: { default: "eu" } } }],
    paths: {
      "/rates/{base}": {
        parameters: [{ $ref: "#/components/parameters/base" }],
        get: { parameters: [{ in: "query", name: "at", required: true }], security: [{ key: [] }] },
      },
    },
    components: {
      parameters: { base: { in: "path", name: "base", required: true } },
      securitySchemes: { key: { type: "apiKey", in: "header", name: "X-Key" } },
    },
    ...more,
  });

  test("becomes an integration", () => {
    expect(importOpenApi(document(), {})).toEqual({
      integration: {
        integration: "Fx-rates",
        description: "Fx rates!",
        baseUrl: "https://eu.acme.org/v1",
        auth: { type: "apiKey", in: "header", name: "X-Key", value: "${_datasource.FxRatesKey}" },
        otherParameters: false,
        endpoints: {
          "get-rates-base": {
            method: "GET",
            path: "/rates/{base}",
            parameters: [
              { in: "path", name: "base", required: true },
              { in: "query", name: "at", required: true },
            ],
          },
        },
      },
      notes: [],
      secrets: ["FxRatesKey"],
    });
  });

  test("with client credentials asks its token endpoint", () => {
    const oauth = {
      type: "oauth2",
      flows: { clientCredentials: { tokenUrl: "/oauth/token", scopes: { read: "", write: "" } } },
    };
    const imported = importOpenApi(
      document({ components: { securitySchemes: { oauth } }, security: [{ oauth: ["read"] }] }),
      { name: "fx" },
    );
    expect(imported.integration.auth).toMatchObject({
      type: "oauth2",
      tokenUrl: "https://eu.acme.org/oauth/token",
      scope: "read write",
    });
    expect(imported.secrets).toEqual(["FxClientId", "FxClientSecret"]);
  });

  test.each([
    [{ servers: undefined }, "names no server"],
    [{ servers: [{ url: "/api" }] }, "relative server"],
    [{ servers: [{ url: "ftp://x.org" }] }, "relative server"],
    [{ servers: [{ url: "https://u:p@x.org" }] }, "carries no user"],
    [{ paths: {} }, "no operation"],
    [{ openapi: "2.9" }, "only OpenAPI 3"],
  ])("with %j is refused", (more, reason) => {
    expect(() => importOpenApi(document(more), {})).toThrow(reason);
  });

  test.each([null, 1, [], "x", {}, { openapi: 3 }])("%j is none", (source) => {
    expect(() => importOpenApi(source, {})).toThrow(/The document/);
  });

  test("tells the types of its parameters and what its bodies must have", () => {
    const person = { type: "object", required: ["name"], properties: { name: { type: "string" }, age: {} } };
    const paths = {
      "/a": {
        post: {
          parameters: [
            { in: "query", name: "n", schema: { type: ["integer", "null"] } },
            { in: "query", name: "sort", schema: { $ref: "#/components/schemas/sort" } },
            { in: "query", name: "any", schema: { type: ["integer", "string"], enum: [{}] } },
            { in: "header", name: "X-A", schema: { type: "unheard" } },
          ],
          requestBody: {
            required: true,
            content: {
              "application/json": {
                schema: {
                  allOf: [{ $ref: "#/components/schemas/person" }, { $ref: "#/components/schemas/loop" }],
                  required: ["tags", "hasOwnProperty"],
                  properties: { tags: { type: "array" } },
                },
              },
            },
          },
        },
      },
    };
    const components = {
      schemas: {
        person,
        sort: { type: "string", enum: ["up", "down"] },
        loop: { allOf: [{ $ref: "#/components/schemas/loop" }], required: ["deep"] },
      },
    };
    const { integration } = importOpenApi(document({ paths, components }), {});
    expect(integration.endpoints["post-a"]).toEqual({
      method: "POST",
      path: "/a",
      parameters: [
        { in: "query", name: "n", type: "integer" },
        { in: "query", name: "sort", type: "string", enum: ["up", "down"] },
        { in: "query", name: "any" },
        { in: "header", name: "X-A" },
        { in: "body", name: "name", required: true, type: "string" },
        { in: "body", name: "deep", required: true },
        { in: "body", name: "tags", required: true, type: "array" },
        { in: "body", name: "hasOwnProperty", required: true },
      ],
      body: "json",
      bodyRequired: true,
    });
    expect(integrationProblems(IntegrationDefinition.parse(integration), "", {})).toEqual([]);
  });

  test("of more parameters or operations than are kept is cut with a note, or refused with the limit's name", () => {
    const many = Array.from({ length: MAX_CALL_PARAMETERS + 1 }, (_, n) => ({ in: "query", name: `p${n}` }));
    const { integration, notes } = importOpenApi(
      document({ paths: { "/a": { get: { parameters: many } } } }),
      {},
    );
    expect(integration.endpoints["get-a"]?.parameters).toHaveLength(MAX_CALL_PARAMETERS);
    expect(notes).toEqual([
      expect.stringContaining("1 of its parameters are not listed (MAX_CALL_PARAMETERS)"),
    ]);
    const paths = (count: number, more: object) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`/p${n}`, { get: more }]));
    expect(() => importOpenApi(document({ paths: paths(2_001, {}) }), {})).toThrow(
      "MAX_INTEGRATION_ENDPOINTS",
    );
    expect(() =>
      importOpenApi(document({ paths: paths(1_000, { description: "x".repeat(1_900) }) }), {}),
    ).toThrow("MAX_INTEGRATION_BYTES");
  });

  test("only gives what is asked for", () => {
    const paths = { "/a": { get: { operationId: "a/b" } }, "/b": { get: { operationId: "c" } } };
    expect(Object.keys(importOpenApi(document({ paths }), { only: ["a/b"] }).integration.endpoints)).toEqual([
      "a-b",
    ]);
    expect(() => importOpenApi(document({ paths }), { only: ["nope"] })).toThrow(
      "none of the operations nope",
    );
  });

  test("that leads in circles, outside or into prototypes is read all the same", () => {
    const paths = {
      "/a": { get: { parameters: [{ $ref: "#/paths/~1a/get/parameters/0" }, { $ref: "https://x.org/y" }] } },
      "/b": { $ref: "#/__proto__/constructor" },
      "/c?x=1": { get: {} },
      "/../d": { get: {} },
      "/e/{id}/{id}": { get: {} },
    };
    const { integration, notes } = importOpenApi(document({ paths }), {});
    expect(Object.keys(integration.endpoints)).toEqual(["get-a"]);
    expect(notes.join("\n")).toMatch(/\/c\?x=1: left out[\s\S]*\/\.\.\/d: left out[\s\S]*\/e\/\{id\}/);
  });
});
