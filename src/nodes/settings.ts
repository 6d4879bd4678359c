import { z } from "zod";

/**
 * Kinds of settings that node schemas share. Whether a string is a literal, a template or an expression is the
 * engine's business; here is only what may be written.
 */

/** Any JSON, with expressions and templates in it. */
export const AnyValue = z
  .json()
  .describe("A literal, a template with ${…}, an expression that starts with =, or JSON made of those.");

/** A string that is an expression. */
export const ExpressionText = z.string().min(1).describe("An expression: JSONata behind a leading =.");

/** A field of an item; a dot leads into nested objects. */
export const FieldPath = z
  .string()
  .min(1)
  .max(200)
  .refine(
    (path) => path.split(".").every((step) => step !== "" && step !== "__proto__"),
    "write field names with dots between them: `address.city`",
  );
