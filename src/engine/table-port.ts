import type { JsonObject } from "../domain/json";
import type { TableAggregation } from "../domain/table-aggregate";
import type { CheckedRow, StoredRow, TableModel } from "../domain/table-model";
import type { TablePage, TableSearch } from "../domain/table-search";

/** A table of an environment. */
export interface TableAddress {
  readonly environmentId: number;
  readonly model: TableModel;
}

/** Rows to change or delete: the one with this id, those that a search finds, or that one if the search finds it. */
export interface TableSelection {
  readonly id: number | undefined;
  /** With an id only its `where` counts. */
  readonly search: TableSearch | undefined;
}

/** Inserted rows: their ids, in order, and the moment that is their `date_created`. */
export interface InsertedRows {
  readonly ids: readonly number[];
  readonly at: string;
}

export interface FoundGroups {
  readonly rows: readonly JsonObject[];
  /** Groups in all, counted up to a bound. */
  readonly groups: number;
}

/**
 * The rows of tables. Everything that comes in was checked against the table's columns.
 *
 * A write is one transaction. With a `step` it commits together with that key: the same write with the same key again
 * changes nothing and answers as the first time.
 *
 * @throws SluiceError conflict when a unique value is taken (`details.columns`) or the table is not as declared any more;
 *   invalid_request or payload_too_large when the database's own limits are passed
 */
export interface TablePort {
  /** Rows by id; those that do not exist are absent. */
  get(table: TableAddress, ids: readonly number[]): Promise<ReadonlyMap<number, StoredRow>>;
  /** A page for each search, in order. */
  search(table: TableAddress, searches: readonly TableSearch[]): Promise<readonly TablePage[]>;
  aggregate(table: TableAddress, aggregation: TableAggregation): Promise<FoundGroups>;
  insert(table: TableAddress, rows: readonly CheckedRow[], step?: string): Promise<InsertedRows>;
  /**
   * Inserts rows, or changes those that have the same values in the columns `on`: one of the model's `keys`. The ids of
   * the rows, in order.
   */
  upsert(
    table: TableAddress,
    rows: readonly CheckedRow[],
    on: readonly string[],
    step?: string,
  ): Promise<InsertedRows>;
  /** How many rows each change changed. */
  update(
    table: TableAddress,
    changes: readonly { rows: TableSelection; values: CheckedRow }[],
    step?: string,
  ): Promise<readonly number[]>;
  /** How many rows each selection deleted. */
  delete(
    table: TableAddress,
    selections: readonly TableSelection[],
    step?: string,
  ): Promise<readonly number[]>;
}
