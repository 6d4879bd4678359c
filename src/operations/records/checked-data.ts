import type { Environment } from "../../domain/environment";
import { type Problem, SluiceError } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { MAX_RECORD_BYTES, MAX_RECORDS } from "../../domain/limits";
import { coerceTexts } from "../../engine/json-schema";
import type { Payload } from "../payload";
import { checked, type SchemaServices } from "./data-schema";

/** Documents of a request, each as JSON and as text. */
export interface CheckedData {
  /** Whether the body was a list; the answer is then one, too. */
  list: boolean;
  documents: { value: JsonObject; text: string }[];
}

/** Names under which XML carries a list of records. */
const LISTS = ["records", "data_records"];

/**
 * Reads the data of a request: one document, or a list of them, all or nothing.
 * @throws SluiceError invalid_request with every problem, payload_too_large
 */
export async function checkedData(
  services: SchemaServices,
  environment: Environment,
  payload: Payload,
): Promise<CheckedData> {
  const body = payload.value;
  if (body === undefined || payload.kind === "none") {
    throw new SluiceError(
      "invalid_request",
      "Send the data record as the body: an object, or an array of objects.",
    );
  }
  const schema = await services.schemaCache.get(environment.id);
  const list = Array.isArray(body) || (payload.kind === "xml" && LISTS.includes(payload.root ?? ""));
  let values = Array.isArray(body) ? body : list ? xmlList(body) : [body];
  if (values.length === 0) {
    throw new SluiceError("invalid_request", "The array of data records is empty; send at least one.");
  }
  if (values.length > MAX_RECORDS) {
    throw new SluiceError(
      "payload_too_large",
      `One call carries at most ${MAX_RECORDS} records (MAX_RECORDS); this one has ${values.length}.`,
      { limit: "MAX_RECORDS" },
    );
  }
  if (payload.kind === "xml" && schema !== undefined) {
    values = values.map((value) => coerceTexts(value, schema.source));
  }
  const problems: Problem[] = [];
  for (const [index, value] of values.entries()) {
    if (isDocument(value)) continue;
    problems.push({ path: list ? `/${index}` : "", reason: "a data record is an object" });
  }
  if (problems.length === 0 && schema !== undefined) {
    const found = checked(schema.schema, list ? { many: values } : { one: values[0] as Json });
    problems.push(...found);
  }
  if (problems.length > 0) {
    const [first] = problems as [Problem];
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
    throw new SluiceError(
      "invalid_request",
      `The data record does not satisfy the schema: ${first.path === "" ? "" : `${first.path}: `}${first.reason}${more}.`,
      {
        problems: problems.map((problem) => ({ ...problem, path: problem.path === "" ? "/" : problem.path })),
      },
    );
  }
  return { list, documents: values.map((value) => ({ value: value as JsonObject, text: textOf(value) })) };
}

function isDocument(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `<records><record>…</record><record>…</record></records>` */
function xmlList(body: Json): Json[] {
  if (Array.isArray(body)) return body;
  const fields = isDocument(body) ? Object.values(body) : [];
  return fields.length === 1 ? [fields[0] as Json].flat() : [body];
}

function textOf(value: Json): string {
  const text = JSON.stringify(value);
  // No character takes more than three bytes, so most need not be counted.
  if (text.length * 3 > MAX_RECORD_BYTES && new TextEncoder().encode(text).length > MAX_RECORD_BYTES) {
    throw new SluiceError(
      "payload_too_large",
      `A data record has at most ${MAX_RECORD_BYTES} bytes (MAX_RECORD_BYTES).`,
      { limit: "MAX_RECORD_BYTES" },
    );
  }
  return text;
}
