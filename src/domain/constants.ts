import { z } from "zod";
import { AnyJson } from "./any-json";
import { MAX_CONSTANTS, MAX_CONSTANTS_BYTES } from "./limits";
import { MAX_NAME_LENGTH } from "./names";

/** What expressions see of a project's constants: `$constants.name`. */
export const CONSTANTS_VARIABLE = "constants";

/** What is said of a constant that is not there. */
export function missingConstant(name: string): string {
  return `the project has no constant "${name}"; declare it under \`constants\``;
}

const ConstantName = z
  .string()
  .max(MAX_NAME_LENGTH, `a constant's name has at most ${MAX_NAME_LENGTH} characters`)
  .regex(
    /^[A-Za-z][A-Za-z0-9_]*$/,
    "a constant's name starts with a letter and has only letters, digits and _, so that expressions can write $constants.name",
  )
  .refine(
    (name) => name !== "constructor" && name !== "prototype",
    "this name cannot be that of a constant; choose another",
  );

/** A project's constants: values by name, the same for every run of a version. */
export const Constants = z
  .record(ConstantName, AnyJson, { error: "`constants` are values by name: { limit: 10, currency: EUR }" })
  .refine(
    (constants) => Object.keys(constants).length <= MAX_CONSTANTS,
    `a project has at most ${MAX_CONSTANTS} constants (MAX_CONSTANTS)`,
  )
  .refine(
    (constants) => new TextEncoder().encode(JSON.stringify(constants)).length <= MAX_CONSTANTS_BYTES,
    `a project's constants have at most ${MAX_CONSTANTS_BYTES} bytes together as JSON (MAX_CONSTANTS_BYTES); larger data belongs into a table or keystore`,
  );
export type Constants = z.output<typeof Constants>;
