import { SluiceError } from "../../../domain/errors";
import { MAX_TABLE_ROW_BYTES } from "../../../domain/limits";
import type { TableModel } from "../../../domain/table-model";

/** Whether a write failed because its step's key is there already: it was done before. */
export function isRepeated(error: unknown): boolean {
  return String(error).includes("UNIQUE constraint failed: applied_steps.step_key");
}

/**
 * What an error of the database means for whoever asked. D1 tells errors by their text alone.
 * @returns the error to throw
 */
export function tableError(error: unknown, model: TableModel): unknown {
  if (error instanceof SluiceError) return error;
  const text = String(error);
  const taken = /UNIQUE constraint failed: ([^:]+)/.exec(text)?.[1];
  if (taken !== undefined) {
    const columns = taken.split(",").map((name) => name.trim().split(".").at(-1) as string);
    const named = columns.map((name) => `"${name}"`).join(" and ");
    return new SluiceError(
      "conflict",
      `Another row of table "${model.name}" has the same ${named}; nothing was written.`,
      {
        columns,
        problems: columns.map((path) => ({ path, reason: "another row has this value, which is unique" })),
      },
    );
  }
  if (/no such (?:table|column)|has no column named/.test(text)) {
    return new SluiceError(
      "conflict",
      `Table "${model.name}" is being changed to another definition; nothing was written. Try again.`,
      { retryAfter: 1 },
      { cause: error },
    );
  }
  if (text.includes("integer overflow")) {
    return new SluiceError(
      "invalid_request",
      "The sum does not fit into 64 bits; choose fewer rows with `where`.",
    );
  }
  if (/string or blob too big|SQLITE_TOOBIG/.test(text)) {
    return new SluiceError(
      "payload_too_large",
      `A row is larger than ${MAX_TABLE_ROW_BYTES} bytes (MAX_TABLE_ROW_BYTES); nothing was written.`,
      { limit: "MAX_TABLE_ROW_BYTES" },
    );
  }
  return error;
}
