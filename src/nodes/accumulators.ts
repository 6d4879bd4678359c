import type { Json } from "../domain/json";
import { FlowError } from "../engine/errors";
import { compareValues } from "../engine/order";

/** The functions of `aggregate`. */
export const FUNCTIONS = [
  "count",
  "sum",
  "avg",
  "min",
  "max",
  "first",
  "last",
  "collect",
  "distinct",
] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** Takes values one by one and tells the result. It is never given "nothing", which counts in no function. */
export interface Accumulator {
  add(value: Json): void;
  result(): Json;
}

/** A new accumulator of each function, for the field `name` of the result. */
export const accumulators: Record<FunctionName, (name: string) => Accumulator> = {
  count: () => new Count(),
  sum: (name) => new Sum(name),
  avg: (name) => new Average(name),
  min: () => new Extreme(-1),
  max: () => new Extreme(1),
  first: () => new First(),
  last: () => new Last(),
  collect: () => new Collect(),
  distinct: () => new Distinct(),
};

class Count implements Accumulator {
  #count = 0;

  add(): void {
    this.#count += 1;
  }

  result(): Json {
    return this.#count;
  }
}

class Sum implements Accumulator {
  readonly #name: string;
  #sum = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(value: Json): void {
    this.#sum += Number(value);
  }

  result(): Json {
    return finite(this.#sum, this.#name);
  }
}

class Average implements Accumulator {
  readonly #name: string;
  #sum = 0;
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(value: Json): void {
    this.#sum += Number(value);
    this.#count += 1;
  }

  result(): Json {
    return this.#count === 0 ? null : finite(this.#sum / this.#count, this.#name);
  }
}

class Extreme implements Accumulator {
  readonly #sign: 1 | -1;
  #found: Json = null;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  add(value: Json): void {
    if (value === null) return;
    if (this.#found === null || compareValues(value, this.#found) * this.#sign > 0) this.#found = value;
  }

  result(): Json {
    return this.#found;
  }
}

class First implements Accumulator {
  #first: Json | undefined;

  add(value: Json): void {
    if (this.#first === undefined) this.#first = value;
  }

  result(): Json {
    return this.#first ?? null;
  }
}

class Last implements Accumulator {
  #last: Json = null;

  add(value: Json): void {
    this.#last = value;
  }

  result(): Json {
    return this.#last;
  }
}

class Collect implements Accumulator {
  readonly #values: Json[] = [];

  add(value: Json): void {
    this.#values.push(value);
  }

  result(): Json {
    return this.#values;
  }
}

class Distinct implements Accumulator {
  readonly #values = new Map<string, Json>();

  add(value: Json): void {
    const key = JSON.stringify(value);
    if (!this.#values.has(key)) this.#values.set(key, value);
  }

  result(): Json {
    return [...this.#values.values()];
  }
}

/** @throws FlowError for anything that cannot be added up: `null` too, which would otherwise silently be 0 */
export function summand(value: Json, name: string): number {
  if (typeof value === "number") return value;
  const what = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new FlowError("not_a_number", `"${name}" adds up numbers, and one value is ${what}`);
}

function finite(value: number, name: string): number {
  if (Number.isFinite(value)) return value;
  throw new FlowError("number_overflow", `"${name}" is larger than a number can be`);
}
