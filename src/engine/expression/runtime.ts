import type { Evaluation, Meter } from "./index";
import type { Engine } from "./regex";

/** Everything one evaluation shares. Made once per `evaluate`, never stored. */
export interface Runtime {
  meter: Meter;
  /** Fuel that this evaluation must leave: none of the run's, or all but its own share. */
  floor: number;
  /** Fuel at which the meter is asked to look up next; never below the floor. */
  nextLook: number;
  /** The document, for `$$`. */
  root: unknown;
  /** What the host lends beside: functions and random numbers, asked for only where they are used. */
  evaluation: Evaluation;
  variables: Record<string, unknown> | undefined;
  /** Function calls under way, tail calls excepted. */
  depth: number;
  maxDepth: number;
  /** Fixed on first use, so that one evaluation sees one instant. */
  now: number | undefined;
}

/** A number in [0, 1). */
export function random({ evaluation }: Runtime): number {
  return evaluation.random === undefined ? Math.random() : evaluation.random();
}

/** A frame of variables: slot 0 is the enclosing frame, the rest are values. Tuples of a path are frames too, with their item in slot 1. */
export type Env = unknown[] | null;

/** One compiled node. */
export type Run = (input: unknown, env: Env, rt: Runtime) => unknown;

/** A slot whose variable has not been assigned yet: the name then means what it means outside. */
export const UNBOUND = Symbol("unbound");

/** A function value: of the library, of the host, a lambda, a regular expression, a transform. */
export interface Callable {
  (args: unknown[], input: unknown, rt: Runtime): unknown;
  /** How many arguments it declares: decides whether `$map` and its like hand over index and array. */
  arity: number;
  lambda?: LambdaValue;
  /** Set on regular expressions, so that functions of the library need not go through the protocol of matchers. */
  engine?: Engine;
  /** Partial application passes its arguments unchecked, as the reference does. */
  unchecked?: (args: unknown[], rt: Runtime, input: unknown) => unknown;
  /** The name to blame in an error. */
  label?: string;
}

/** What a lambda closes over, and its code. */
export interface LambdaValue {
  code: LambdaCode;
  input: unknown;
  env: Env;
}

export interface LambdaCode {
  parameters: number;
  /** Slots of the frame after the parameters, for variables assigned directly in the body. */
  extraSlots: number;
  check: ((args: unknown[], context: unknown) => unknown[]) | undefined;
  body: Run;
  cost: number;
}

/** What the call of one tail position is made of. */
export interface TailPosition {
  target: Run;
  args: readonly Run[];
  position: number | undefined;
  token: string | undefined;
}

/**
 * A call in tail position, handed back to the caller to make, so that recursion written with tail calls needs no stack.
 * Nothing of it has been evaluated yet.
 */
export class TailCall {
  readonly at: TailPosition;
  readonly input: unknown;
  readonly env: Env;

  constructor(at: TailPosition, input: unknown, env: Env) {
    this.at = at;
    this.input = input;
    this.env = env;
  }
}

export function isCallable(value: unknown): value is Callable {
  return typeof value === "function";
}
