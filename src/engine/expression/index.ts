/**
 * Expressions: JSONata sources compiled once, evaluated many times, synchronously.
 * This file is the one door to the evaluator; the rest of the engine imports nothing below it.
 */

/** What an expression may spend. One meter is shared by a whole run, so a run cannot out-spend its budget. */
export interface Meter {
  /** Steps left. Every evaluated sub-expression and every iterated element costs at least one. */
  fuel: number;
}

/** The names an expression can see: own, enumerable properties of a plain object, reached as paths (`input.json.id`). */
export type Scope = Record<string, unknown>;

/** Functions that a run lends to its expressions (`$debug`, `$error`, `$now` …), without the `$`. Pure or host-owned, synchronous. */
export type HostFunctions = Record<string, (...args: unknown[]) => unknown>;

export interface Evaluation {
  meter: Meter;
  functions?: HostFunctions;
  /** Milliseconds since 1970 that `$now()` and `$millis()` answer with; fixed for one evaluation. */
  now?: number;
  /** Source of `$random()` and `$shuffle()`: a number in [0, 1). */
  random?: () => number;
}
