import type { Problem } from "./errors";
import { SluiceError } from "./errors";
import { type Json, type JsonObject, parseJson } from "./json";
import { MAX_TABLE_ROW_BYTES } from "./limits";
import { nearest } from "./nearest";
import type { ColumnType, TableDefinition } from "./table";
import { checkValue, presentValue, type Stored } from "./table-value";

/** A column as searches and writes see it. */
export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly required: boolean;
  /** As it is stored; `null` where there is none. */
  readonly default: Stored;
  /** Filled by the table itself. */
  readonly implicit: boolean;
  /** Never without a value. */
  readonly notNull: boolean;
}

/** A row as it comes from the database: values by column, in the order of the model's columns. */
export type StoredRow = Readonly<Record<string, Stored>>;

/** Checked values of a row to be written, by column. */
export type CheckedRow = ReadonlyMap<string, Stored>;

/** Largest id that a caller may choose: enough remain above it for the table to number its own rows exactly. */
const MAX_CHOSEN_ID = 9_000_000_000_000_000;

/** A declared table, prepared: what every search and every write of it needs. */
export class TableModel {
  readonly name: string;
  readonly definition: TableDefinition;
  /** The implicit ones first, then as declared. */
  readonly columns: readonly TableColumn[];
  /** Those that are declared. */
  readonly declared: readonly TableColumn[];
  /** Sets of columns whose values together are unique; `id` is the first. */
  readonly keys: readonly (readonly string[])[];
  readonly #byName: ReadonlyMap<string, TableColumn>;

  constructor(definition: TableDefinition) {
    this.name = definition.table;
    this.definition = definition;
    this.declared = Object.entries(definition.columns).map(([name, column]) => ({
      name,
      type: column.type,
      required: column.required,
      default: storedDefault(column.type, column.default),
      implicit: false,
      // Rows that were there before a column became required may still be without a value.
      notNull: false,
    }));
    this.columns = [...IMPLICIT, ...this.declared];
    this.#byName = new Map(this.columns.map((column) => [column.name, column]));
    this.keys = [
      ["id"],
      ...Object.entries(definition.columns).flatMap(([name, { unique }]) => (unique ? [[name]] : [])),
      ...definition.indexes.flatMap(({ columns, unique }) => (unique ? [columns] : [])),
    ];
  }

  /** The prepared form of a definition, made once for each. */
  static of(definition: TableDefinition): TableModel {
    let model = models.get(definition);
    if (model === undefined) {
      model = new TableModel(definition);
      models.set(definition, model);
    }
    return model;
  }

  column(name: string): TableColumn | undefined {
    return this.#byName.get(name);
  }

  /** The problem of a column that does not exist. */
  unknownColumn(name: string, path: string): Problem {
    const closest = nearest(name, this.#byName.keys());
    const shown = JSON.stringify(name.length <= 60 ? name : `${name.slice(0, 60)}…`);
    return {
      path,
      reason: `table "${this.name}" has no column ${shown}`,
      ...(closest === undefined ? {} : { nearest: closest }),
    };
  }

  /** A row as it goes over the wire: `id` as a text, the rest by its type. */
  present(row: StoredRow): JsonObject {
    const shown: JsonObject = {};
    for (const { name, type } of this.columns) {
      const value = row[name] as Stored;
      shown[name] = name === "id" ? String(value) : presentValue(type, value);
    }
    return shown;
  }

  /**
   * Checks the values of a row to be written. Problems are collected, with paths that begin with `path`.
   * @param mode `insert`: what is left out gets its default; `change`: what is left out stays as it is
   * @param lenient whether an empty text stands for null where the column holds no text: XML and CSV know no null
   */
  checkRow(
    values: JsonObject,
    mode: "insert" | "change",
    path: string,
    problems: Problem[],
    lenient: boolean,
  ): CheckedRow {
    const row = new Map<string, Stored>();
    let bytes = 0;
    for (const name of Object.keys(values)) {
      const at = path === "" ? name : `${path}.${name}`;
      const given = values[name] as Json;
      const column = this.#byName.get(name);
      if (column === undefined) {
        problems.push(this.unknownColumn(name, at));
        continue;
      }
      if (column.implicit) {
        const id = name === "id" && mode === "insert" ? chosenId(given) : undefined;
        if (id !== undefined) row.set("id", id);
        else problems.push({ path: at, reason: implicitReason(name, mode) });
        continue;
      }
      const value = lenient && typeof given === "string" ? meant(column.type, given) : given;
      const checked = checkValue(column.type, value);
      if ("reason" in checked) {
        problems.push({ path: at, reason: checked.reason });
      } else if (checked.value === null && column.required) {
        problems.push({ path: at, reason: "is null, and the column is required" });
      } else {
        row.set(name, checked.value);
        // An estimate from below that only matters for large texts.
        if (typeof checked.value === "string") bytes += checked.value.length;
      }
    }
    if (bytes > MAX_TABLE_ROW_BYTES) {
      problems.push({
        path,
        reason: `the row is larger than ${MAX_TABLE_ROW_BYTES} bytes (MAX_TABLE_ROW_BYTES)`,
      });
    }
    if (mode === "insert") this.#fillIn(row, values, path, problems);
    return row;
  }

  #fillIn(row: Map<string, Stored>, values: JsonObject, path: string, problems: Problem[]): void {
    for (const { name, required, default: fallback } of this.declared) {
      if (Object.hasOwn(values, name)) continue;
      if (fallback !== null) row.set(name, fallback);
      else if (required) {
        problems.push({
          path: path === "" ? name : `${path}.${name}`,
          reason: "is missing, and the column is required",
        });
      }
    }
  }
}

const models = new WeakMap<TableDefinition, TableModel>();

const IMPLICIT: readonly TableColumn[] = [
  { name: "id", type: "integer", required: false, default: null, implicit: true, notNull: true },
  { name: "date_created", type: "datetime", required: false, default: null, implicit: true, notNull: true },
  { name: "date_updated", type: "datetime", required: false, default: null, implicit: true, notNull: true },
];

/** What a text stands for where every value is written as a text: in XML, CSV and forms. */
function meant(type: ColumnType, given: string): Json {
  if (type !== "text" && given === "") return null;
  if (type !== "json" || !/^\s*[[{]/.test(given)) return given;
  try {
    return parseJson(given, "the value");
  } catch {
    return given;
  }
}

function storedDefault(type: ColumnType, value: Json | undefined): Stored {
  if (value === undefined) return null;
  const checked = checkValue(type, value);
  return "value" in checked ? checked.value : null;
}

function chosenId(given: Json): number | undefined {
  const id = typeof given === "string" && /^[1-9]\d{0,15}$/.test(given) ? Number(given) : given;
  return typeof id === "number" && Number.isInteger(id) && id >= 1 && id <= MAX_CHOSEN_ID ? id : undefined;
}

function implicitReason(name: string, mode: "insert" | "change"): string {
  if (name !== "id") return "is filled by the table itself; leave it out";
  return mode === "insert"
    ? `is no id: leave it out, and the table numbers the row, or give an integer from 1 to ${MAX_CHOSEN_ID}`
    : "a row keeps its id; leave it out";
}

/** The id in a path or a rule: digits that are a row's number. `undefined` when it can be no row's. */
export function rowId(text: string): number | undefined {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}

/** Refuses a request with all that is wrong with it. The message begins with the first problem. */
export function refuse(what: string, problems: readonly Problem[], limit?: string): never {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const near = first?.nearest === undefined ? "" : ` Did you mean "${first.nearest}"?`;
  const place = first?.path === undefined || first.path === "" ? "" : `${first.path}: `;
  throw new SluiceError(
    "invalid_request",
    `${what}: ${place}${first?.reason ?? "it is wrong"}${more}.${near}`,
    {
      problems: problems.slice(0, 100),
      ...(limit === undefined ? {} : { limit }),
    },
  );
}
