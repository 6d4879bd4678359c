/**
 * JSON Schema, draft 4: compiled once, and then asked in bounded time whatever the schema and the document are. The one
 * door to this folder.
 *
 * Formats are checked by @cfworker/json-schema. Its validator is not used: it recurses and matches patterns without a
 * bound, so that `{"$ref": "#"}` ends in a stack overflow and `^(a+)+$` never; the tests compare the two on what both can do.
 */
import type { Problem } from "../../domain/errors";
import type { Json } from "../../domain/json";
import { type Check, Checking } from "./checking";
import { compileDocument } from "./compile";

export { SchemaTooCostly } from "./checking";
export { coerceTexts } from "./coerce";

export class JsonSchema {
  readonly #check: Check;

  private constructor(check: Check) {
    this.#check = check;
  }

  /** Compiles a schema. @returns everything that is wrong with it, as JSON Pointers, when it is no schema of draft 4 */
  static compile(document: Json): JsonSchema | { problems: Problem[] } {
    const compiled = compileDocument(document);
    return "problems" in compiled ? compiled : new JsonSchema(compiled.check);
  }

  /**
   * What is wrong with some documents, at most `MAX_SCHEMA_PROBLEMS`; nothing when all satisfy the schema.
   * @param documents one, or several that share the steps that a check may take; then paths begin with the index
   * @throws SchemaTooCostly
   */
  validate(documents: { one: Json } | { many: readonly Json[] }): Problem[] {
    const checking = new Checking();
    if ("one" in documents) this.#check(documents.one, undefined, checking);
    else
      for (const [index, each] of documents.many.entries()) {
        this.#check(each, { up: undefined, step: index }, checking);
      }
    return checking.problems;
  }
}
