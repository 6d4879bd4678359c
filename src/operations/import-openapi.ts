import type { z } from "zod";
import { SluiceError } from "../domain/errors";
import {
  BODILESS,
  baseUrlProblem,
  CALL_METHODS,
  CallEndpoint,
  type CallMethod,
  IntegrationDefinition,
  pathPieces,
  sizeProblem,
} from "../domain/integration";
import { MAX_CALL_PARAMETERS, MAX_INTEGRATION_ENDPOINTS } from "../domain/limits";
import {
  dereferenced,
  OpenApiBody,
  OpenApiDocument,
  OpenApiMediaType,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiPath,
  type OpenApiServer,
} from "../domain/openapi-document";
import { schemaProblems } from "../domain/schema-problems";
import { importedAuth } from "./import-openapi-auth";
import { requiredFields, typeOf } from "./import-openapi-schema";

export type IntegrationSource = z.input<typeof IntegrationDefinition>;
type EndpointSource = z.input<typeof CallEndpoint>;

export interface ImportOptions {
  /** Name of the integration; of the API's title otherwise. */
  name?: string | undefined;
  /** In the place of the document's first server, which may be relative. */
  baseUrl?: string | undefined;
  /** Operations to take, by the names of their endpoints or their operation ids; all otherwise. */
  only?: readonly string[] | undefined;
}

export interface ImportedIntegration {
  integration: IntegrationSource;
  /** What was left out or has to be looked at, in sentences. */
  notes: string[];
  /** Secrets to set before flows that call it are published. */
  secrets: string[];
}

/** Characters kept of a description. */
const MAX_DESCRIPTION = 2_000;
/** Notes listed; the last then says how many more there are. */
const MAX_NOTES = 100;

/** Headers that OpenAPI describes elsewhere, so that a parameter of such a name is to be ignored (OpenAPI 3.1, 4.8.12). */
const NOT_PARAMETERS = new Set(["accept", "content-type", "authorization"]);

/**
 * Makes an integration of an OpenAPI 3 document.
 * @throws SluiceError invalid_request when it is none, or nothing in it can be called
 */
export function importOpenApi(source: unknown, options: ImportOptions): ImportedIntegration {
  const parsed = OpenApiDocument.safeParse(source);
  if (!parsed.success) throw notImported("is no OpenAPI document; send one as JSON or YAML");
  const document = parsed.data;
  if (document.openapi === undefined) {
    throw notImported(
      document.swagger === undefined
        ? "has no `openapi: 3.…`; only OpenAPI 3 is read"
        : "is of Swagger 2; convert it to OpenAPI 3 first",
    );
  }
  if (!document.openapi.startsWith("3."))
    throw notImported(`is of OpenAPI ${document.openapi.slice(0, 20)}; only OpenAPI 3 is read`);
  return new Import(document, options).run();
}

function notImported(reason: string): SluiceError {
  return new SluiceError("invalid_request", `The document ${reason}.`);
}

class Import {
  readonly #document: OpenApiDocument;
  readonly #options: ImportOptions;
  readonly #notes: string[] = [];
  readonly #endpoints = new Map<string, EndpointSource>();

  constructor(document: OpenApiDocument, options: ImportOptions) {
    this.#document = document;
    this.#options = options;
  }

  run(): ImportedIntegration {
    const { info } = this.#document;
    const name = this.#options.name ?? (slug(info.title ?? "") || "api");
    const baseUrl = this.#baseUrl();
    for (const [path, item] of Object.entries(this.#document.paths)) this.#path(path, item);
    this.#checkOnly();
    const { auth, secrets, notes } = importedAuth(this.#document, name, baseUrl);
    this.#notes.push(...notes);
    const integration: IntegrationSource = {
      integration: name,
      ...described(info.description ?? info.title),
      baseUrl,
      ...(auth === undefined ? {} : { auth }),
      otherParameters: false,
      endpoints: Object.fromEntries(this.#endpoints),
    };
    const checked = IntegrationDefinition.safeParse(integration);
    if (!checked.success) {
      const [problem] = schemaProblems(IntegrationDefinition, checked.error);
      throw new SluiceError(
        "invalid_request",
        `The integration would be wrong at ${problem?.path || "/"}: ${problem?.reason}.`,
      );
    }
    const large = sizeProblem(integration);
    if (large !== undefined)
      throw notImported(`is too large: ${large}; choose some operations with \`only\``);
    if (this.#endpoints.size === 0) throw notImported("has no operation that can be called");
    return { integration, notes: shortened(this.#notes), secrets };
  }

  #baseUrl(): string {
    const given = this.#options.baseUrl;
    const url = given ?? serverUrl(this.#document.servers?.[0]);
    const found = url === undefined ? undefined : withoutEnd(url);
    if (found === undefined || !/^https?:/i.test(found)) {
      throw notImported(
        `${found === undefined ? "names no server" : `names the relative server "${found.slice(0, 200)}"`}; say with \`baseUrl\` where the API is`,
      );
    }
    const problem = baseUrlProblem(found);
    if (problem !== undefined) throw notImported(`has a server that cannot be called: ${problem}`);
    return found;
  }

  #path(path: string, source: unknown): void {
    const item = OpenApiPath.safeParse(dereferenced(this.#document, source));
    if (!item.success) {
      if (!path.startsWith("x-")) this.#notes.push(`${path}: left out, since it cannot be read`);
      return;
    }
    const operations = item.data as Record<string, unknown>;
    for (const method of [...CALL_METHODS, "OPTIONS", "TRACE"]) {
      const operation = OpenApiOperation.safeParse(operations[method.toLowerCase()]);
      if (!operation.success) continue;
      if (!(CALL_METHODS as readonly string[]).includes(method)) {
        this.#notes.push(`${method} ${path}: left out, since flows do not call with this method`);
        continue;
      }
      this.#operation(method as CallMethod, path, operation.data, item.data);
    }
  }

  #operation(
    method: CallMethod,
    path: string,
    operation: OpenApiOperation,
    item: z.output<typeof OpenApiPath>,
  ): void {
    const wanted =
      slug(operation.operationId ?? "") || slug(`${method.toLowerCase()} ${path}`) || method.toLowerCase();
    const { only } = this.#options;
    if (only !== undefined && !only.includes(wanted) && !only.includes(operation.operationId ?? "")) return;
    if (this.#endpoints.size >= MAX_INTEGRATION_ENDPOINTS) {
      throw notImported(
        `has more than ${MAX_INTEGRATION_ENDPOINTS} operations (MAX_INTEGRATION_ENDPOINTS); choose some with \`only\``,
      );
    }
    const what = `${method} ${path}`;
    const own = serverUrl((operation.servers ?? item.servers)?.[0]);
    if (own !== undefined && own !== serverUrl(this.#document.servers?.[0])) {
      this.#notes.push(
        `${what}: its own server ${own.slice(0, 200)} is not taken; an integration has one base URL`,
      );
    }
    const parameters = this.#parameters(what, path, [
      ...(item.parameters ?? []),
      ...(operation.parameters ?? []),
    ]);
    const { fields, ...body } = this.#body(what, method, operation.requestBody);
    parameters.push(...fields.map((field) => ({ in: "body" as const, required: true, ...field })));
    if (parameters.length > MAX_CALL_PARAMETERS) {
      const more = parameters.length - MAX_CALL_PARAMETERS;
      this.#notes.push(`${what}: ${more} of its parameters are not listed (MAX_CALL_PARAMETERS)`);
      parameters.length = MAX_CALL_PARAMETERS;
    }
    const endpoint: EndpointSource = {
      ...described(operation.summary ?? operation.description),
      method,
      path: path === "/" ? "/" : path,
      ...(parameters.length === 0 ? {} : { parameters }),
      ...body,
    };
    const checked = CallEndpoint.safeParse(endpoint);
    if (!checked.success) {
      const reason = checked.error.issues[0]?.message ?? "it is wrong";
      this.#notes.push(`${what}: left out: ${reason}`);
      return;
    }
    let name = wanted;
    for (let turn = 2; this.#endpoints.has(name); turn += 1) name = `${wanted.slice(0, 90)}-${turn}`;
    this.#endpoints.set(name, endpoint);
  }

  #parameters(what: string, path: string, sources: readonly unknown[]) {
    const found = new Map<string, NonNullable<EndpointSource["parameters"]>[number]>();
    const inPath = new Set((pathPieces(path) ?? []).map(({ parameter }) => parameter));
    for (const source of sources) {
      const parsed = OpenApiParameter.safeParse(dereferenced(this.#document, source));
      if (!parsed.success) {
        this.#notes.push(`${what}: a parameter that cannot be read was left out`);
        continue;
      }
      const { name, in: place, required, description, schema } = parsed.data;
      if (place === "cookie") {
        this.#notes.push(`${what}: send the cookie "${name}" with a header of the node`);
        continue;
      }
      if (place !== "query" && place !== "header" && place !== "path") continue;
      if (place === "header" && NOT_PARAMETERS.has(name.toLowerCase())) continue;
      if (place === "path" && !inPath.has(name)) continue;
      found.set(`${place} ${name}`, {
        in: place,
        name,
        ...(required === true ? { required } : {}),
        ...typeOf(this.#document, schema),
        ...described(description),
      });
    }
    return [...found.values()];
  }

  #body(what: string, method: CallMethod, source: unknown): ImportedBody {
    if (source === undefined) return { fields: [] };
    const parsed = OpenApiBody.safeParse(dereferenced(this.#document, source));
    if (!parsed.success) {
      this.#notes.push(`${what}: its body cannot be read`);
      return { fields: [] };
    }
    if (BODILESS.has(method)) {
      this.#notes.push(`${what}: its body is not sent, since a ${method} has none`);
      return { fields: [] };
    }
    const types = Object.keys(parsed.data.content).map(
      (type) => type.split(";", 1)[0]?.trim().toLowerCase() ?? "",
    );
    const kinds = types.map(bodyKind);
    const kind = kinds.includes("json") ? "json" : kinds.find((each) => each !== undefined);
    if (types.length > 0 && kind === undefined) {
      this.#notes.push(
        `${what}: a body of type ${types.join(", ").slice(0, 200)} is sent as base64, made by the flow`,
      );
    }
    const [type] = Object.keys(parsed.data.content).filter((_, index) => kinds[index] === kind);
    const media = OpenApiMediaType.safeParse(type === undefined ? undefined : parsed.data.content[type]);
    const fielded = (kind === "json" || kind === "form") && new Set(kinds).size === 1 && media.success;
    return {
      fields: fielded ? requiredFields(this.#document, media.data.schema) : [],
      // With several kinds to choose from, the node may send any.
      ...(kind === undefined || new Set(kinds).size > 1 ? {} : { body: kind }),
      ...(parsed.data.required === true ? { bodyRequired: true } : {}),
    };
  }

  #checkOnly(): void {
    const { only } = this.#options;
    if (only === undefined || this.#endpoints.size > 0) return;
    throw notImported(`has none of the operations ${only.join(", ").slice(0, 500)}`);
  }
}

type ImportedBody = Pick<EndpointSource, "body" | "bodyRequired"> & {
  /** Those that the body must have. */
  fields: ReturnType<typeof requiredFields>;
};

function bodyKind(type: string): EndpointSource["body"] {
  if (type === "application/json" || type.endsWith("+json") || type === "*/*") return "json";
  if (type === "application/x-www-form-urlencoded") return "form";
  if (type === "application/xml" || type === "text/xml" || type.endsWith("+xml")) return "xml";
  if (type.startsWith("text/")) return "text";
  return type === "application/octet-stream" ? "base64" : undefined;
}

/** A server's URL with the defaults of its variables. */
function serverUrl(server: OpenApiServer | undefined): string | undefined {
  return server?.url.replace(/\{([^{}]+)\}/g, (whole, name: string) => {
    const { variables = {} } = server;
    return Object.hasOwn(variables, name) ? (variables[name]?.default ?? whole) : whole;
  });
}

function withoutEnd(url: string): string {
  return url.trim().replace(/\/+$/, "");
}

/** A name as integrations and endpoints have them: letters, digits, - and _. */
export function slug(text: string): string {
  const name = text
    .normalize("NFC")
    .replace(/[^\p{L}\p{N}_]+/gu, "-")
    .replace(/^[^\p{L}_]+|-+$/gu, "")
    .slice(0, 100)
    .replace(/-+$/, "");
  return name;
}

function described(text: string | undefined): { description?: string } {
  const trimmed = text?.trim();
  return trimmed === undefined || trimmed === "" ? {} : { description: trimmed.slice(0, MAX_DESCRIPTION) };
}

function shortened(notes: readonly string[]): string[] {
  if (notes.length <= MAX_NOTES) return [...notes];
  return [...notes.slice(0, MAX_NOTES), `${notes.length - MAX_NOTES} more notes are left out`];
}
