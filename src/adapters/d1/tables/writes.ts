import type { CheckedRow } from "../../../domain/table-model";
import type { Stored } from "../../../domain/table-value";
import type { TableAddress, TableSelection } from "../../../engine/table-port";
import { jsonChunks } from "../json-chunks";
import { literal, quoted } from "./names";
import { Parameters } from "./parameters";
import { orderSql } from "./reads";
import { TableSql } from "./sql";
import { type Statement, statement } from "./statement";
import { conditionSql } from "./where";

/** Ids of one statement: they travel in one parameter, whatever their number. */
export type IdRow = { id: number };

/** Statements that insert rows; each answers with the ids of its rows in ascending order. */
export function insertStatements(table: TableAddress, rows: readonly CheckedRow[], at: string): Statement[] {
  const { model } = table;
  const sql = TableSql.of(table.environmentId, model);
  const [only] = rows;
  if (rows.length === 1 && only !== undefined && !only.has("id")) {
    return [
      statement(sql.insertOne, { values: [at, ...model.declared.map(({ name }) => only.get(name) ?? null)] }),
    ];
  }
  const columns = ["id", ...model.declared.map(({ name }) => name)];
  return bulk(rows, columns, (list, parameters) => {
    const values = columns.map((_, index) => `, value ->> ${index}`).join("");
    const now = parameters.add(at);
    return `INSERT INTO ${sql.table} ("date_created", "date_updated"${names(columns)})
      SELECT ${now}, ${now}${values} FROM json_each(${list}) WHERE true RETURNING "id"`;
  });
}

/** Statements that insert rows or change those with the same key. Rows with other sets of columns are others' statements. */
export function upsertStatements(
  table: TableAddress,
  rows: readonly CheckedRow[],
  on: readonly string[],
  at: string,
): Statement[] {
  const { model } = table;
  const sql = TableSql.of(table.environmentId, model);
  const declared = model.declared.map(({ name }) => name);
  return runsOf(rows, (row) => [...row.keys()].sort().join(",")).flatMap((group) => {
    const given = [...(group[0] as CheckedRow).keys()];
    const inserted = [...given, ...declared.filter((name) => !given.includes(name))];
    const changed = given.filter((name) => !on.includes(name));
    const set = ["date_updated", ...changed]
      .map((name) => `${quoted(name)} = excluded.${quoted(name)}`)
      .join(", ");
    return bulk(group, inserted, (list, parameters) => {
      const values = inserted.map((_, index) => `, value ->> ${index}`).join("");
      const now = parameters.add(at);
      return `INSERT INTO ${sql.table} ("date_created", "date_updated"${names(inserted)})
        SELECT ${now}, ${now}${values} FROM json_each(${list}) WHERE true
        ON CONFLICT (${on.map(quoted).join(", ")}) DO UPDATE SET ${set}`;
    });
  });
}

function names(columns: readonly string[]): string {
  return columns.map((name) => `, ${quoted(name)}`).join("");
}

/** Neighbours of one kind together, their order kept. */
function runsOf(rows: readonly CheckedRow[], kind: (row: CheckedRow) => string): CheckedRow[][] {
  const runs: CheckedRow[][] = [];
  let last: string | undefined;
  for (const row of rows) {
    const present = kind(row);
    if (present === last) runs.at(-1)?.push(row);
    else runs.push([row]);
    last = present;
  }
  return runs;
}

/** Rows as lists of their values, in as many statements as parameters need. */
function bulk(
  rows: readonly CheckedRow[],
  columns: readonly string[],
  write: (list: string, parameters: Parameters) => string,
): Statement[] {
  const lists = rows.map((row) => columns.map((name) => row.get(name) ?? null));
  return [...jsonChunks(lists)].map((chunk) => {
    const parameters = new Parameters();
    return statement(write(parameters.add(chunk), parameters), parameters);
  });
}

/** Which rows a selection means, as what stands behind WHERE. */
function selectionSql(sql: TableSql, { id, search }: TableSelection, parameters: Parameters): string {
  if (id !== undefined) {
    const where = search?.where === undefined ? "" : ` AND ${conditionSql(search.where, parameters)}`;
    return `"id" = ${parameters.add(id)}${where}`;
  }
  if (search === undefined) throw new Error("a selection without an id has a search");
  const where = search.where === undefined ? "" : ` WHERE ${conditionSql(search.where, parameters)}`;
  const limit = parameters.add(search.limit);
  const offset = search.offset === 0 ? "" : ` OFFSET ${parameters.add(search.offset)}`;
  return `"id" IN (SELECT "id" FROM ${sql.table}${where}${orderSql(sql, search)} LIMIT ${limit}${offset})`;
}

/** A statement that changes the selected rows; it answers with their ids. */
export function updateStatement(
  table: TableAddress,
  change: { rows: TableSelection; values: CheckedRow },
  at: string,
): Statement {
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  const set = [...change.values, ["date_updated", at] as const]
    .map(([name, value]) => `${quoted(name)} = ${parameters.add(value)}`)
    .join(", ");
  const where = selectionSql(sql, change.rows, parameters);
  return statement(`UPDATE ${sql.table} SET ${set} WHERE ${where} RETURNING "id"`, parameters);
}

/** One statement for changes of rows by their ids, when all set the same columns and no id stands twice. */
export function updateByIds(
  table: TableAddress,
  changes: readonly { rows: TableSelection; values: CheckedRow }[],
  at: string,
): Statement[] | undefined {
  const [first] = changes;
  if (first === undefined || changes.length < 2) return undefined;
  const columns = [...first.values.keys()];
  const ids = new Set<number>();
  const lists: Stored[][] = [];
  for (const { rows, values } of changes) {
    if (rows.id === undefined || rows.search?.where !== undefined || ids.has(rows.id)) return undefined;
    if (values.size !== columns.length || columns.some((name) => !values.has(name))) return undefined;
    ids.add(rows.id);
    lists.push([rows.id, ...columns.map((name) => values.get(name) ?? null)]);
  }
  const sql = TableSql.of(table.environmentId, table.model);
  const set = columns.map((name, index) => `${quoted(name)} = j.value ->> ${index + 1}`);
  return [...jsonChunks(lists)].map((chunk) => {
    const parameters = new Parameters();
    const list = parameters.add(chunk);
    return statement(
      `UPDATE ${sql.table} SET ${[...set, `"date_updated" = ${parameters.add(at)}`].join(", ")}
       FROM json_each(${list}) j WHERE ${sql.table}."id" = j.value ->> 0 RETURNING ${sql.table}."id"`,
      parameters,
    );
  });
}

export function deleteStatement(table: TableAddress, rows: TableSelection): Statement {
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  const where = selectionSql(sql, rows, parameters);
  return statement(`DELETE FROM ${sql.table} WHERE ${where} RETURNING "id"`, parameters);
}

/** One statement for rows by their ids. */
export function deleteByIds(table: TableAddress, ids: readonly number[]): Statement {
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  return statement(
    `DELETE FROM ${sql.table} WHERE "id" IN ${parameters.list(ids)} RETURNING "id"`,
    parameters,
  );
}

/** Writes down a durable write's key, with what its result will be as far as the database must tell. */
export function claimStep(
  table: TableAddress,
  step: string,
  now: number,
  claim: { kind: "first_id" } | { kind: "existing"; ids: readonly number[] } | { kind: "counts" },
): Statement {
  const sql = TableSql.of(table.environmentId, table.model);
  const parameters = new Parameters();
  const key = parameters.add(step);
  const at = parameters.add(now);
  const result =
    claim.kind === "first_id"
      ? `(SELECT json_array(coalesce(max(seq), 0) + 1) FROM sqlite_sequence WHERE name = ${literal(sql.physical)})`
      : claim.kind === "existing"
        ? `(SELECT json_group_array("id") FROM ${sql.table} WHERE "id" IN ${parameters.list(claim.ids)})`
        : "'[]'";
  return statement(
    `INSERT INTO applied_steps (step_key, at, result) SELECT ${key}, ${at}, ${result}`,
    parameters,
  );
}

/** Adds how many rows the statement before it changed to the result of a claimed step. */
export function countStep(step: string): Statement {
  return statement(
    "UPDATE applied_steps SET result = json_insert(result, '$[#]', changes()) WHERE step_key = ?1",
    { values: [step] },
  );
}

/** The ids of upserted rows, in order: found by their key, which no statement that changed them tells in order. */
export function idsByKey(
  table: TableAddress,
  rows: readonly CheckedRow[],
  on: readonly string[],
): Statement[] {
  return keyChunks(rows, on).map((chunk) => {
    const parameters = new Parameters();
    return statement(idsSql(table, on, parameters.add(chunk)), parameters);
  });
}

/** Adds the same ids to the result of a claimed step. */
export function noteIds(
  step: string,
  table: TableAddress,
  rows: readonly CheckedRow[],
  on: readonly string[],
): Statement[] {
  return keyChunks(rows, on).map((chunk) => {
    const parameters = new Parameters();
    const ids = idsSql(table, on, parameters.add(chunk));
    return statement(
      `UPDATE applied_steps SET result = (SELECT json_group_array(id) FROM (
         SELECT value AS id FROM json_each(applied_steps.result) UNION ALL SELECT id FROM (${ids})))
       WHERE step_key = ${parameters.add(step)}`,
      parameters,
    );
  });
}

function keyChunks(rows: readonly CheckedRow[], on: readonly string[]): string[] {
  return [...jsonChunks(rows.map((row) => on.map((name) => row.get(name) ?? null)))];
}

function idsSql(table: TableAddress, on: readonly string[], list: string): string {
  const sql = TableSql.of(table.environmentId, table.model);
  const joined = on.map((name, index) => `t.${quoted(name)} = j.value ->> ${index}`).join(" AND ");
  return `SELECT t."id" AS id FROM json_each(${list}) j JOIN ${sql.table} t ON ${joined} ORDER BY j.key`;
}

/** Removes keys of steps that no run can come back with. */
export function sweepSteps(before: number, rows: number): Statement {
  return statement(
    "DELETE FROM applied_steps WHERE step_key IN (SELECT step_key FROM applied_steps WHERE at < ?1 LIMIT ?2)",
    { values: [before, rows] },
  );
}
