import type { TableColumn, TableModel } from "../../../domain/table-model";
import { literal, physicalTable, quoted } from "./names";

/** Texts of statements that are the same for every call on a table; made once for a table of an environment. */
export class TableSql {
  /** The physical name, bare and quoted. */
  readonly physical: string;
  readonly table: string;
  /** What is selected of a row. */
  readonly columns: string;
  readonly get: string;
  readonly insertOne: string;
  /** How many rows there are, as a scalar. */
  readonly rows: string;

  constructor(environmentId: number, model: TableModel) {
    this.physical = physicalTable(environmentId, model.name);
    this.table = quoted(this.physical);
    this.columns = model.columns.map(selected).join(", ");
    this.get = `SELECT ${this.columns} FROM ${this.table} WHERE "id" = ?1`;
    this.rows = `(SELECT rows FROM table_counters WHERE table_name = ${literal(this.physical)})`;
    const declared = model.declared;
    const names = declared.map(({ name }) => `, ${quoted(name)}`).join("");
    const values = declared.map((_, index) => `, ?${index + 2}`).join("");
    this.insertOne = `INSERT INTO ${this.table} ("date_created", "date_updated"${names}) VALUES (?1, ?1${values}) RETURNING "id"`;
  }

  static of(environmentId: number, model: TableModel): TableSql {
    let known = made.get(model);
    if (known === undefined) {
      known = new Map();
      made.set(model, known);
    }
    let sql = known.get(environmentId);
    if (sql === undefined) {
      sql = new TableSql(environmentId, model);
      known.set(environmentId, sql);
    }
    return sql;
  }
}

const made = new WeakMap<TableModel, Map<number, TableSql>>();

/** A column as it is read: integers that a number does not hold exactly come as text. */
export function selected({ name, type }: TableColumn): string {
  const column = quoted(name);
  if (type !== "integer" || name === "id") return column;
  return `CASE WHEN ${column} BETWEEN -9007199254740991 AND 9007199254740991 THEN ${column} ELSE CAST(${column} AS TEXT) END AS ${column}`;
}
