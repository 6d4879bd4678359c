import type { Kind } from "../compiled";
import type { Callable, Runtime } from "../runtime";
import { parseSignature, type Signature } from "../signature";
import { AGGREGATES } from "./aggregates";
import { ARRAYS } from "./arrays";
import { DATES } from "./dates";
import { ENCODINGS } from "./encodings";
import { HIGHER_ORDER } from "./higher-order";
import { MATCHING } from "./matching";
import { NUMBERS } from "./numbers";
import { OBJECTS } from "./objects";
import { STRINGS } from "./strings";
import { VALUES } from "./values";

export { SLOW } from "./slow";

/** One function of the library, as its topic file defines it. */
export interface Definition {
  /** The reference's signature: what it accepts decides between result and error. */
  signature: string;
  /** How many parameters the function declares: decides what `$map` and its like hand it. */
  arity: number;
  /** Gets checked arguments; the first of them is often nothing, which most functions answer with nothing. */
  call(args: unknown[], rt: Runtime, input: unknown): unknown;
  /** Shortcuts for one or two arguments of the common types, past the check. */
  one?(value: unknown, rt: Runtime): unknown;
  two?(first: unknown, second: unknown, rt: Runtime): unknown;
  /** The function of one field of many items, the fields not gathered first; SLOW when they have to be. */
  overField?(name: string): (items: unknown[], rt: Runtime) => unknown;
  kind?: Kind;
}

export type Definitions = Record<string, Definition>;

export interface Native {
  callable: Callable;
  signature: Signature;
  one: Definition["one"];
  two: Definition["two"];
  overField: Definition["overField"];
  kind: Kind;
  cost: number;
}

/** Every function of the language by name. `$eval` is left out on purpose: sources are checked before they run. */
export const LIBRARY: ReadonlyMap<string, Native> = new Map(
  Object.entries({
    ...AGGREGATES,
    ...ARRAYS,
    ...DATES,
    ...ENCODINGS,
    ...HIGHER_ORDER,
    ...MATCHING,
    ...NUMBERS,
    ...OBJECTS,
    ...STRINGS,
    ...VALUES,
  }).map(([name, definition]) => [name, native(name, definition)]),
);

function native(name: string, definition: Definition): Native {
  const signature = parseSignature(definition.signature);
  const { call } = definition;
  const callable: Callable = (args, input, rt) => call(signature.check(args, input), rt, input);
  callable.arity = definition.arity;
  callable.label = name;
  callable.unchecked = call;
  return {
    callable,
    signature,
    one: definition.one,
    two: definition.two,
    overField: definition.overField,
    kind: definition.kind ?? "any",
    cost: 1,
  };
}
