import { ExpressionError } from "../errors";
import { copyOf } from "../transforms";
import { isNumeric, truth } from "../values";
import type { Definitions } from "./library";

function typeOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return "null";
  if (isNumeric(value)) return "number";
  if (Array.isArray(value)) return "array";
  // What is no number by `isNumeric` and a number by type is not-a-number, which the reference calls an object.
  return typeof value === "number" ? "object" : typeof value;
}

export const VALUES: Definitions = {
  boolean: {
    signature: "<x-:b>",
    arity: 1,
    kind: "boolean",
    call: ([value]) => (value === undefined ? undefined : truth(value)),
    one: (value) => (value === undefined ? undefined : truth(value)),
  },
  not: {
    signature: "<x-:b>",
    arity: 1,
    kind: "boolean",
    call: ([value]) => (value === undefined ? undefined : !truth(value)),
    one: (value) => (value === undefined ? undefined : !truth(value)),
  },
  exists: {
    signature: "<x:b>",
    arity: 1,
    kind: "boolean",
    call: ([value]) => value !== undefined,
    one: (value) => value !== undefined,
  },
  type: { signature: "<x:s>", arity: 1, kind: "string", call: ([value]) => typeOf(value) },
  clone: {
    signature: "<(oa)-:o>",
    arity: 1,
    call: ([value], rt) => (value === undefined ? undefined : copyOf(rt, value, undefined, 0)),
  },
  error: {
    signature: "<s?:x>",
    arity: 1,
    call: ([message]) => {
      throw new ExpressionError("D3137", message ? { message: String(message) } : {});
    },
  },
  assert: {
    signature: "<bs?:x>",
    arity: 2,
    call: ([holds, message]) => {
      if (!holds) throw new ExpressionError("D3141", message ? { message: String(message) } : {});
      return undefined;
    },
  },
};
