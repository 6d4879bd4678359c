import { encodedJson } from "../../domain/base64-text";
import type { Environment } from "../../domain/environment";
import { type Problem, SluiceError } from "../../domain/errors";
import { FormatError } from "../../domain/format-error";
import { type Json, type JsonObject, parseJson } from "../../domain/json";
import { MAX_SCHEMA_BYTES } from "../../domain/limits";
import { JsonSchema, SchemaTooCostly } from "../../engine/json-schema";
import type { World } from "../ports";
import type { RecordSchemas, StoredSchema } from "./ports";

/*
 * The data schema of an environment (seed, Data Schema): JSON Schema of draft 4, with an example record that must satisfy
 * it. Records are checked against the compiled schema, which an isolate keeps and looks at again after `maxAgeMs`.
 */

/** Characters of the `url`, which the seed requires and nobody uses. */
const MAX_SCHEMA_URL_CHARS = 2_000;

export interface CompiledSchema {
  schema: JsonSchema;
  source: Json;
}

export interface SchemaServices {
  schemas: RecordSchemas;
  schemaCache: SchemaCache;
  world: Pick<World, "now">;
}

/** The compiled schemas that this isolate knows. */
export class SchemaCache {
  readonly #known = new Map<
    number,
    { at: number; modifiedAt: number; compiled: CompiledSchema | undefined }
  >();
  readonly #schemas: RecordSchemas;
  readonly #maxAgeMs: number;
  readonly #now: () => number;

  constructor(schemas: RecordSchemas, maxAgeMs: number, now: () => number) {
    this.#schemas = schemas;
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
  }

  /** The schema of an environment, at most `maxAgeMs` old; `undefined` when it has none. */
  async get(environmentId: number): Promise<CompiledSchema | undefined> {
    const known = this.#known.get(environmentId);
    const now = this.#now();
    if (known !== undefined && now - known.at < this.#maxAgeMs) return known.compiled;
    const stored = await this.#schemas.find(environmentId);
    if (stored === undefined) {
      this.#known.set(environmentId, { at: now, modifiedAt: 0, compiled: undefined });
      return undefined;
    }
    if (known?.compiled !== undefined && known.modifiedAt === stored.modifiedAt) {
      known.at = now;
      return known.compiled;
    }
    const schema = JsonSchema.compile(stored.schema);
    if (!(schema instanceof JsonSchema)) {
      throw new Error(`the data schema of environment ${environmentId} no longer compiles`);
    }
    const compiled = { schema, source: stored.schema };
    this.#known.set(environmentId, { at: now, modifiedAt: stored.modifiedAt, compiled });
    return compiled;
  }

  /** Another one was stored, or it was removed. */
  forget(environmentId: number): void {
    this.#known.delete(environmentId);
  }
}

/** What a client sends: the schema and its example, each as JSON or as that in Base64 (seed), and a URL. */
export interface SchemaPayload {
  schema: Json;
  dataRecord: Json;
  url: string;
}

/**
 * Whether a client must send `url`: the seed's REST chapter requires it, its SOAP chapter calls it optional.
 */
export type SchemaUrl = "required" | "optional";

/** @throws SluiceError invalid_request that lists what is wrong, payload_too_large */
export function readSchemaPayload(value: Json | undefined, needs: SchemaUrl = "required"): SchemaPayload {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SluiceError(
      "invalid_request",
      "The body is an object with `schema`, `data_record` and `url`; schema and data_record are JSON in Base64.",
    );
  }
  const problems: Problem[] = [];
  const schema = document(value, "schema", problems);
  const dataRecord = document(value, "data_record", problems);
  const given = Object.hasOwn(value, "url") ? value.url : undefined;
  const url = given === undefined && needs === "optional" ? "" : given;
  if (
    typeof url !== "string" ||
    (url.trim() === "" && needs === "required") ||
    url.length > MAX_SCHEMA_URL_CHARS
  ) {
    problems.push({
      path: "url",
      reason: `is required: a text of at most ${MAX_SCHEMA_URL_CHARS} characters`,
    });
  }
  if (problems.length > 0) throw badSchema(problems);
  const compiled = JsonSchema.compile(schema as Json);
  if (!(compiled instanceof JsonSchema)) {
    throw badSchema(compiled.problems.map(({ path, reason }) => ({ path: `schema${path}`, reason })));
  }
  const misfits = checked(compiled, { one: dataRecord as Json });
  if (misfits.length > 0) {
    throw badSchema(misfits.map(({ path, reason }) => ({ path: `data_record${path}`, reason })));
  }
  return { schema: schema as Json, dataRecord: dataRecord as Json, url: url as string };
}

function badSchema(problems: Problem[]): SluiceError {
  const [first] = problems as [Problem];
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new SluiceError(
    "invalid_request",
    `The schema was not taken: ${first.path}: ${first.reason}${more}.`,
    { problems },
  );
}

function document(value: JsonObject, name: string, problems: Problem[]): Json | undefined {
  const given = Object.hasOwn(value, name) ? value[name] : undefined;
  if (given === undefined || given === null || given === "") {
    problems.push({ path: name, reason: "is required: JSON in Base64" });
    return undefined;
  }
  const text = typeof given === "string" ? encodedJson(given) : JSON.stringify(given);
  if (text === undefined) {
    problems.push({ path: name, reason: "is not Base64 of JSON" });
    return undefined;
  }
  if (new TextEncoder().encode(text).length > MAX_SCHEMA_BYTES) {
    throw new SluiceError(
      "payload_too_large",
      `${name} is larger than ${MAX_SCHEMA_BYTES} bytes (MAX_SCHEMA_BYTES).`,
      { limit: "MAX_SCHEMA_BYTES" },
    );
  }
  try {
    return parseJson(text, name);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    problems.push({ path: name, reason: error.message });
    return undefined;
  }
}

/** @throws SluiceError invalid_request when checking costs too much */
export function checked(schema: JsonSchema, documents: Parameters<JsonSchema["validate"]>[0]): Problem[] {
  try {
    return schema.validate(documents);
  } catch (error) {
    if (!(error instanceof SchemaTooCostly)) throw error;
    throw new SluiceError("invalid_request", `${capital(error.message)}.`, { limit: error.limit });
  }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** When a schema was made and last changed, in milliseconds since 1970. */
type Dates = Pick<StoredSchema, "createdAt" | "modifiedAt">;

const NO_SCHEMA = "There is no data schema; POST /v1/schema creates one.";

/** @throws SluiceError conflict when there is one, and what `readSchemaPayload` throws */
export async function createSchema(
  { schemas, schemaCache, world }: SchemaServices,
  environment: Environment,
  body: Json | undefined,
  url: SchemaUrl = "required",
): Promise<Dates> {
  const now = world.now();
  const stored = { ...readSchemaPayload(body, url), createdAt: now, modifiedAt: now };
  if (!(await schemas.insert(environment, stored))) {
    throw new SluiceError("conflict", "There is a data schema already; PUT /v1/schema changes it.");
  }
  schemaCache.forget(environment.id);
  return stored;
}

/** @throws SluiceError not_found */
export async function readSchema(
  { schemas }: SchemaServices,
  environment: Environment,
): Promise<StoredSchema> {
  const stored = await schemas.find(environment.id);
  if (stored === undefined) throw new SluiceError("not_found", NO_SCHEMA);
  return stored;
}

/** @throws SluiceError not_found, and what `readSchemaPayload` throws */
export async function updateSchema(
  { schemas, schemaCache, world }: SchemaServices,
  environment: Environment,
  body: Json | undefined,
  url: SchemaUrl = "required",
): Promise<Dates> {
  const stored = { ...readSchemaPayload(body, url), modifiedAt: world.now() };
  const createdAt = await schemas.update(environment.id, stored);
  if (createdAt === undefined) throw new SluiceError("not_found", NO_SCHEMA);
  schemaCache.forget(environment.id);
  return { ...stored, createdAt };
}

/** @throws SluiceError not_found */
export async function removeSchema(
  { schemas, schemaCache }: SchemaServices,
  environment: Environment,
): Promise<void> {
  if (!(await schemas.remove(environment.id))) throw new SluiceError("not_found", NO_SCHEMA);
  schemaCache.forget(environment.id);
}
