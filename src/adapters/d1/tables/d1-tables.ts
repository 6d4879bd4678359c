import { MAX_DURABLE_RUN_MS } from "../../../domain/limits";
import type { TableAggregation } from "../../../domain/table-aggregate";
import type { CheckedRow, StoredRow } from "../../../domain/table-model";
import { type TablePage, type TableSearch, withWholePlace } from "../../../domain/table-search";
import { momentOf, type Stored } from "../../../domain/table-value";
import type {
  FoundGroups,
  InsertedRows,
  TableAddress,
  TablePort,
  TableSelection,
} from "../../../engine/table-port";
import { isRepeated, tableError } from "./errors";
import {
  aggregateStatement,
  borderStatement,
  matchesStatement,
  readGroups,
  readPage,
  searchStatement,
} from "./reads";
import { TableSql } from "./sql";
import type { Statement } from "./statement";
import {
  claimStep,
  countStep,
  deleteByIds,
  deleteStatement,
  type IdRow,
  idsByKey,
  insertStatements,
  noteIds,
  sweepSteps,
  updateByIds,
  updateStatement,
  upsertStatements,
} from "./writes";

/** A D1 database, or a session of one. */
export type Database = Pick<D1Database, "prepare" | "batch">;

/** Statements that travel together; each is answered by itself. */
const STATEMENTS_PER_BATCH = 100;
/** A step's key outlives every run that could repeat it, by a week. */
const STEP_RETENTION_MS = MAX_DURABLE_RUN_MS + 7 * 86_400_000;
/** Of so many durable writes one sweeps, so many rows: it removes faster than rows come. */
const SWEEP_EVERY = 64;
const SWEEP_ROWS = 1_000;

export interface D1TablesOptions {
  /** The database with an environment's data. */
  databaseOf: (environmentId: number) => Database;
  now: () => number;
  random: () => number;
}

type FoundRow = Record<string, Stored>;
type Rows = readonly Record<string, unknown>[];

/** Tables in D1. */
export class D1Tables implements TablePort {
  readonly #options: D1TablesOptions;

  constructor(options: D1TablesOptions) {
    this.#options = options;
  }

  async get(table: TableAddress, ids: readonly number[]): Promise<ReadonlyMap<number, StoredRow>> {
    const sql = TableSql.of(table.environmentId, table.model);
    const [only] = ids;
    if (only === undefined) return new Map();
    const wanted: Statement =
      ids.length === 1
        ? { sql: sql.get, values: [only] }
        : {
            sql: `SELECT ${sql.columns} FROM ${sql.table} WHERE "id" IN (SELECT value FROM json_each(?1))`,
            values: [JSON.stringify(ids)],
          };
    const [rows = []] = await this.#read(table, [wanted]);
    return new Map((rows as StoredRow[]).map((row) => [row.id as number, row]));
  }

  async search(table: TableAddress, searches: readonly TableSearch[]): Promise<readonly TablePage[]> {
    // Items of a flow often ask the same: each question is put once.
    const questions = new Map<string, { statement: Statement; search: TableSearch; pages: number[] }>();
    const placed = await this.#placed(table, searches);
    for (const [index, search] of placed.entries()) {
      const statement = searchStatement(table, search);
      const key = searches.length === 1 ? "" : JSON.stringify([statement, search.cursor !== undefined]);
      const known = questions.get(key);
      if (known === undefined) questions.set(key, { statement, search, pages: [index] });
      else known.pages.push(index);
    }
    const asked = [...questions.values()];
    const answers = await this.#read(
      table,
      asked.map(({ statement }) => statement),
    );
    const pages: TablePage[] = new Array(searches.length);
    for (const [index, { search, pages: places }] of asked.entries()) {
      const page = await this.#completed(table, search, answers[index] as FoundRow[]);
      for (const place of places) pages[place] = page;
    }
    return pages;
  }

  /** Searches whose cursors carry all of their values: of texts too large to travel the row has the rest. */
  async #placed(table: TableAddress, searches: readonly TableSearch[]): Promise<readonly TableSearch[]> {
    const ids = searches.flatMap(({ cursor }) =>
      cursor?.after?.length === undefined ? [] : [cursor.after.id],
    );
    if (ids.length === 0) return searches;
    const rows = await this.get(table, ids);
    return searches.map((search) => withWholePlace(search, rows.get(search.cursor?.after?.id ?? 0)));
  }

  async #completed(table: TableAddress, search: TableSearch, found: FoundRow[]): Promise<TablePage> {
    const border = borderStatement(table, search, found);
    if (border !== undefined) {
      const [more = []] = await this.#read(table, [border]);
      found = [...found, ...(more as FoundRow[])];
    }
    const matches = matchesStatement(table, search, found);
    if (matches === undefined) return readPage(search, found, undefined);
    const [counted = []] = await this.#read(table, [matches]);
    return readPage(search, found, counted[0] as FoundRow | undefined);
  }

  async aggregate(table: TableAddress, aggregation: TableAggregation): Promise<FoundGroups> {
    const [rows = []] = await this.#read(table, [aggregateStatement(table, aggregation)]);
    return readGroups(aggregation, rows as FoundRow[]);
  }

  async insert(table: TableAddress, rows: readonly CheckedRow[], step?: string): Promise<InsertedRows> {
    if (rows.length === 0) return { ids: [], at: "" };
    const now = this.#options.now();
    const at = momentOf(now);
    const written = insertStatements(table, rows, at);
    const claim = step === undefined ? undefined : claimStep(table, step, now, { kind: "first_id" });
    const answer = await this.#write(table, written, claim, step);
    if ("before" in answer) {
      const [first] = answer.before as [number];
      return { ids: rows.map((_, index) => first + index), at: momentOf(answer.at) };
    }
    return { ids: assignIds(rows, answer.results.flat() as IdRow[]), at };
  }

  async upsert(
    table: TableAddress,
    rows: readonly CheckedRow[],
    on: readonly string[],
    step?: string,
  ): Promise<InsertedRows> {
    if (rows.length === 0) return { ids: [], at: "" };
    const now = this.#options.now();
    const at = momentOf(now);
    const written = upsertStatements(table, rows, on, at);
    const notes = step === undefined ? [] : noteIds(step, table, rows, on);
    const ids = idsByKey(table, rows, on);
    const claim = step === undefined ? undefined : claimStep(table, step, now, { kind: "counts" });
    const answer = await this.#write(table, [...written, ...notes, ...ids], claim, step);
    if ("before" in answer) return { ids: answer.before, at: momentOf(answer.at) };
    const found = answer.results.slice(written.length + notes.length).flat() as IdRow[];
    return { ids: found.map(({ id }) => id), at };
  }

  async update(
    table: TableAddress,
    changes: readonly { rows: TableSelection; values: CheckedRow }[],
    step?: string,
  ): Promise<readonly number[]> {
    if (changes.length === 0) return [];
    const now = this.#options.now();
    const at = momentOf(now);
    const together = updateByIds(table, changes, at);
    if (together !== undefined) {
      const ids = changes.map(({ rows }) => rows.id as number);
      return this.#writeByIds(table, ids, together, now, step);
    }
    const each = changes.map((change) => updateStatement(table, change, at));
    return this.#writeEach(table, each, now, step);
  }

  async delete(
    table: TableAddress,
    selections: readonly TableSelection[],
    step?: string,
  ): Promise<readonly number[]> {
    if (selections.length === 0) return [];
    const now = this.#options.now();
    const ids = selections.flatMap(({ id, search }) =>
      id !== undefined && search?.where === undefined ? [id] : [],
    );
    if (ids.length === selections.length && ids.length > 1 && new Set(ids).size === ids.length) {
      return this.#writeByIds(table, ids, [deleteByIds(table, ids)], now, step);
    }
    const each = selections.map((rows) => deleteStatement(table, rows));
    return this.#writeEach(table, each, now, step);
  }

  /** Changes rows of known ids together; those that exist count one each. */
  async #writeByIds(
    table: TableAddress,
    ids: readonly number[],
    written: readonly Statement[],
    now: number,
    step: string | undefined,
  ): Promise<number[]> {
    const claim = step === undefined ? undefined : claimStep(table, step, now, { kind: "existing", ids });
    const answer = await this.#write(table, written, claim, step);
    const changed = new Set(
      "before" in answer ? answer.before : (answer.results.flat() as IdRow[]).map(({ id }) => id),
    );
    return ids.map((id) => (changed.has(id) ? 1 : 0));
  }

  async #writeEach(
    table: TableAddress,
    each: readonly Statement[],
    now: number,
    step: string | undefined,
  ): Promise<readonly number[]> {
    if (step === undefined) {
      const answer = await this.#write(table, each, undefined, undefined);
      return (answer as { results: Rows[] }).results.map((rows) => rows.length);
    }
    const counted = each.flatMap((statement) => [statement, countStep(step)]);
    const answer = await this.#write(table, counted, claimStep(table, step, now, { kind: "counts" }), step);
    if ("before" in answer) return answer.before;
    return each.map((_, index) => (answer.results[index * 2] as Rows).length);
  }

  /** One transaction; with a claim, only if its step was not written before, else what it answered then. */
  async #write(
    table: TableAddress,
    statements: readonly Statement[],
    claim: Statement | undefined,
    step: string | undefined,
  ): Promise<{ results: Rows[] } | { before: number[]; at: number }> {
    const database = this.#options.databaseOf(table.environmentId);
    const sweeps = step !== undefined && this.#options.random() * SWEEP_EVERY < 1;
    const sweep = sweepSteps(this.#options.now() - STEP_RETENTION_MS, SWEEP_ROWS);
    const prepared = [...(claim === undefined ? [] : [claim]), ...statements, ...(sweeps ? [sweep] : [])].map(
      (each) => bound(database, each),
    );
    try {
      const results = await run(database, prepared);
      if (step === undefined) return { results };
      return { results: results.slice(1) };
    } catch (error) {
      if (step === undefined || !isRepeated(error)) throw tableError(error, table.model);
    }
    const row = await database
      .prepare("SELECT result, at FROM applied_steps WHERE step_key = ?1")
      .bind(step)
      .first<{ result: string; at: number }>();
    if (row === null) throw new Error("a step that was written before is gone");
    return { before: JSON.parse(row.result) as number[], at: row.at };
  }

  async #read(table: TableAddress, statements: readonly Statement[]): Promise<Rows[]> {
    const database = this.#options.databaseOf(table.environmentId);
    try {
      const answers: Rows[] = [];
      for (let from = 0; from < statements.length; from += STATEMENTS_PER_BATCH) {
        const part = statements.slice(from, from + STATEMENTS_PER_BATCH).map((each) => bound(database, each));
        answers.push(...(await run(database, part)));
      }
      return answers;
    } catch (error) {
      throw tableError(error, table.model);
    }
  }
}

function bound(database: Database, { sql, values }: Statement): D1PreparedStatement {
  return database.prepare(sql).bind(...values);
}

/** A statement alone costs less than a batch of one. */
async function run(database: Database, statements: readonly D1PreparedStatement[]): Promise<Rows[]> {
  const [only] = statements;
  if (only !== undefined && statements.length === 1) return [(await only.all()).results];
  return (await database.batch([...statements])).map(({ results }) => results as Rows);
}

/** Which row got which id: chosen ones are known, the others were numbered in order. */
function assignIds(rows: readonly CheckedRow[], returned: readonly IdRow[]): number[] {
  const chosen = new Set(rows.flatMap((row) => (row.has("id") ? [row.get("id") as number] : [])));
  const numbered = returned
    .map(({ id }) => id)
    .filter((id) => !chosen.has(id))
    .sort((left, right) => left - right);
  let next = 0;
  return rows.map((row) => (row.has("id") ? (row.get("id") as number) : (numbered[next++] as number)));
}
