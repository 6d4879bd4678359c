import type { Problem } from "../../domain/errors";
import type { Json } from "../../domain/json";
import { pointer } from "../../domain/json-path";
import { MAX_SCHEMA_DEPTH, MAX_SCHEMA_PROBLEMS, MAX_SCHEMA_STEPS } from "../../domain/limits";

/** Checking would take more than it may: the schema and the record together ask for too much. */
export class SchemaTooCostly extends Error {
  override readonly name = "SchemaTooCostly";
  readonly limit: string;

  constructor(limit: string, message: string) {
    super(message);
    this.limit = limit;
  }
}

/** One place of the document that is checked; the text of it is made only for a complaint. */
export interface Place {
  up: Place | undefined;
  step: string | number;
}

/** What a check may spend, and what it found. One is shared by all records of a request. */
export class Checking {
  readonly problems: Problem[] = [];
  #steps = MAX_SCHEMA_STEPS;
  #depth = 0;
  #silent = 0;

  /** @throws SchemaTooCostly */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps >= 0) return;
    throw new SchemaTooCostly(
      "MAX_SCHEMA_STEPS",
      `checking against the data schema takes more than ${MAX_SCHEMA_STEPS} steps (MAX_SCHEMA_STEPS); send fewer records at once, or simplify the schema`,
    );
  }

  /** @throws SchemaTooCostly */
  enter(): void {
    this.#depth += 1;
    if (this.#depth <= MAX_SCHEMA_DEPTH) return;
    throw new SchemaTooCostly(
      "MAX_SCHEMA_DEPTH",
      `the data schema leads through more than ${MAX_SCHEMA_DEPTH} schemas inside each other (MAX_SCHEMA_DEPTH)`,
    );
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Always false: what a check answers that has failed. */
  fail(place: Place | undefined, reason: string): false {
    if (this.#silent === 0 && this.problems.length < MAX_SCHEMA_PROBLEMS) {
      this.problems.push({ path: textOf(place), reason });
    }
    return false;
  }

  /** Whether one complaint is as good as all: nobody reads them, or enough have been made. */
  get hurried(): boolean {
    return this.#silent > 0 || this.problems.length >= MAX_SCHEMA_PROBLEMS;
  }

  /** Tries something whose complaints are nobody's business. */
  quietly(check: () => boolean): boolean {
    this.#silent += 1;
    try {
      return check();
    } finally {
      this.#silent -= 1;
    }
  }
}

/** Looks at one value. */
export type Check = (value: Json, place: Place | undefined, checking: Checking) => boolean;

function textOf(place: Place | undefined): string {
  const steps: (string | number)[] = [];
  for (let each = place; each !== undefined; each = each.up) steps.unshift(each.step);
  return pointer(...steps);
}
