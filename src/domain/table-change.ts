import type { ColumnDefinition, ColumnType, TableDefinition } from "./table";

/** An index as the database has it: of one column or several. */
export interface TableIndex {
  readonly columns: readonly string[];
  readonly unique: boolean;
}

/** What makes a table another one, in the order in which it must happen. */
export type TableChange =
  | { readonly kind: "create"; readonly definition: TableDefinition }
  | { readonly kind: "drop" }
  | { readonly kind: "drop_index"; readonly index: TableIndex }
  | { readonly kind: "drop_column"; readonly column: string }
  | {
      readonly kind: "convert";
      readonly column: string;
      readonly from: ColumnType;
      readonly to: ColumnType;
    }
  | { readonly kind: "add_column"; readonly column: string; readonly definition: ColumnDefinition }
  | {
      readonly kind: "add_index";
      readonly index: TableIndex;
      /** Of a column whose repeated values may be lost: every row but the first is left without one. */
      readonly clearRepeated: boolean;
    };

/** Something that would be lost, and the name that confirms it. */
export interface Loss {
  /** `users.email`: confirmed with `?drop=column:users.email`. */
  readonly column: string;
  readonly reason: string;
}

export interface TableComparison {
  readonly changes: readonly TableChange[];
  /** What would be lost without having been confirmed. */
  readonly losses: readonly Loss[];
  /** A line for people about each change. */
  readonly summary: readonly string[];
}

/** Types that hold every value of another one. */
const WIDER: Record<ColumnType, readonly ColumnType[]> = {
  boolean: ["integer", "real", "text", "json"],
  integer: ["real", "text", "json"],
  real: ["text", "json"],
  date: ["datetime", "text", "json"],
  datetime: ["text", "json"],
  text: ["json"],
  json: ["text"],
};

/** All indexes of a definition. */
export function indexesOf({ columns, indexes }: TableDefinition): TableIndex[] {
  const single = Object.entries(columns).flatMap(([name, { unique, index }]) =>
    unique || index ? [{ columns: [name], unique }] : [],
  );
  const several = indexes.filter(
    ({ columns: [first, second], unique }) =>
      second !== undefined || !single.some((each) => each.columns[0] === first && each.unique === unique),
  );
  return [...single, ...several];
}

function nameOfIndex({ columns, unique }: TableIndex): string {
  return `${unique ? "unique " : ""}index of ${columns.join(", ")}`;
}

/**
 * What must happen to a table so that it becomes what it is declared to be.
 * @param confirmed whether the data of a column (`users.email`) may be lost
 */
export function compareTables(
  before: TableDefinition | undefined,
  after: TableDefinition | undefined,
  confirmed: (column: string) => boolean,
): TableComparison {
  if (after === undefined) {
    const name = before?.table ?? "";
    return before === undefined
      ? { changes: [], losses: [], summary: [] }
      : { changes: [{ kind: "drop" }], losses: [], summary: [`drops the table ${name} with its rows`] };
  }
  if (before === undefined) {
    return {
      changes: [{ kind: "create", definition: after }],
      losses: [],
      summary: [`makes the table ${after.table}`],
    };
  }
  return new Comparison(before, after, confirmed).result();
}

class Comparison {
  readonly #before: TableDefinition;
  readonly #after: TableDefinition;
  readonly #confirmed: (column: string) => boolean;
  readonly #losses: Loss[] = [];
  readonly #summary: string[] = [];

  constructor(before: TableDefinition, after: TableDefinition, confirmed: (column: string) => boolean) {
    this.#before = before;
    this.#after = after;
    this.#confirmed = confirmed;
  }

  result(): TableComparison {
    const dropped: TableChange[] = [];
    const converted: TableChange[] = [];
    const added: TableChange[] = [];
    const touched = new Set<string>();
    const { columns: old } = this.#before;
    const { columns: now } = this.#after;
    for (const [column, was] of Object.entries(old)) {
      const is = Object.hasOwn(now, column) ? now[column] : undefined;
      if (is === undefined) {
        this.#mayLose(column, "is no longer declared, and its values would be lost");
        this.#summary.push(`drops the column ${column}`);
        dropped.push({ kind: "drop_column", column });
        touched.add(column);
      } else if (this.#changeColumn(column, was, is)) {
        converted.push({ kind: "convert", column, from: was.type, to: is.type });
        touched.add(column);
      }
    }
    for (const [column, definition] of Object.entries(now)) {
      if (Object.hasOwn(old, column)) continue;
      if (definition.required && definition.default === undefined) {
        this.#mayLose(
          column,
          "is new and required without a default, and the rows that are there have no value for it; give it a default",
        );
      }
      this.#summary.push(`adds the column ${column} (${definition.type})`);
      added.push({ kind: "add_column", column, definition });
    }
    const { drops, adds } = this.#indexes(touched);
    return {
      changes: [...drops, ...dropped, ...converted, ...added, ...adds],
      losses: this.#losses,
      summary: this.#summary,
    };
  }

  /** Whether the column's values have to be converted. */
  #changeColumn(column: string, was: ColumnDefinition, is: ColumnDefinition): boolean {
    if (is.required && !was.required && is.default === undefined) {
      this.#mayLose(
        column,
        "becomes required without a default, and rows may be without a value; give it a default",
      );
    }
    if (is.required !== was.required) {
      this.#summary.push(`the column ${column} is ${is.required ? "required" : "no longer required"}`);
    }
    if (JSON.stringify(is.default) !== JSON.stringify(was.default)) {
      this.#summary.push(`the default of the column ${column} is another`);
    }
    if (is.type === was.type) return false;
    if (!WIDER[was.type].includes(is.type)) {
      this.#mayLose(
        column,
        `changes from ${was.type} to ${is.type}, and values that do not fit would be lost`,
      );
    }
    this.#summary.push(`converts the column ${column} from ${was.type} to ${is.type}`);
    return true;
  }

  #indexes(touched: ReadonlySet<string>): { drops: TableChange[]; adds: TableChange[] } {
    const key = (index: TableIndex) => `${index.unique} ${index.columns.join(",")}`;
    const old = indexesOf(this.#before);
    const now = indexesOf(this.#after);
    const kept = new Set(now.map(key));
    const had = new Set(old.map(key));
    // An index stands in the way of changes to its columns.
    const stale = (index: TableIndex) => index.columns.some((column) => touched.has(column));
    for (const index of old) if (!kept.has(key(index))) this.#summary.push(`drops the ${nameOfIndex(index)}`);
    for (const index of now) if (!had.has(key(index))) this.#summary.push(`adds the ${nameOfIndex(index)}`);
    return {
      drops: old
        .filter((index) => stale(index) || !kept.has(key(index)))
        .map((index) => ({ kind: "drop_index", index })),
      adds: now
        .filter((index) => stale(index) || !had.has(key(index)))
        .map((index) => {
          const [only, second] = index.columns;
          const clearRepeated =
            index.unique && second === undefined && this.#confirmed(`${this.#after.table}.${only}`);
          return { kind: "add_index", index, clearRepeated };
        }),
    };
  }

  #mayLose(column: string, reason: string): void {
    const name = `${this.#after.table}.${column}`;
    if (!this.#confirmed(name)) this.#losses.push({ column: name, reason });
  }
}
