import type { Stored } from "../../../domain/table-value";

/** Values bound one by one; D1 binds 100 at the most, and the rest travel in one of them. */
const MAX_DIRECT = 90;

/**
 * The parameters of a statement. However many values there are, all are bound: those beyond what D1 binds are elements
 * of one JSON text.
 */
export class Parameters {
  readonly #direct: (Stored | string)[] = [];
  readonly #packed: Stored[] = [];

  /** What stands for the value in the statement. */
  add(value: Stored): string {
    if (this.#direct.length < MAX_DIRECT) {
      this.#direct.push(value);
      return `?${this.#direct.length}`;
    }
    this.#packed.push(value);
    return `(?${MAX_DIRECT + 1} ->> ${this.#packed.length - 1})`;
  }

  /** A table of one column `value` with the values, whose number has no bound. */
  list(values: readonly Stored[]): string {
    return `(SELECT value FROM json_each(${this.add(JSON.stringify(values))}))`;
  }

  get values(): readonly (Stored | string)[] {
    return this.#packed.length === 0 ? this.#direct : [...this.#direct, JSON.stringify(this.#packed)];
  }
}
