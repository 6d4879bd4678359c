import type { Json } from "../../../domain/json";
import type { RecordStep, RecordTelling } from "../../../domain/record";
import type {
  DueRecord,
  FieldFill,
  InsertResult,
  NewRecords,
  RecordChange,
  RecordFilter,
  RecordPage,
  RecordRow,
  RecordStore,
  RecordWithData,
} from "../../../operations/records/ports";
import { changeRecords } from "./change";
import { beginFills, fieldFills, fillField, forgetField, recordsToFill } from "./field-fills";
import { insertRecords } from "./insert";
import { dueRecords, nextDueRecord, renewRuns, tellRecords, waitingRecords } from "./queue";
import { RECORD_COLUMNS, recordRow, recordRows, type StoredRow } from "./rows";
import { pageOf, readCursor, searchStatements } from "./search";

/** Records in D1. Writes of many are one statement for some hundred kilobytes, and one transaction. */
export class D1Records implements RecordStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  insert(given: NewRecords): Promise<InsertResult> {
    return insertRecords(this.#db, given);
  }

  async find(environmentId: number, uuid: string): Promise<RecordWithData | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT ${RECORD_COLUMNS}, r.objects, r.data FROM records r LEFT JOIN flows f ON f.id = r.flow_id
         WHERE r.environment_id = ?1 AND r.uuid = ?2`,
      )
      .bind(environmentId, uuid)
      .first<StoredRow & { objects: string | null; data: string }>();
    if (row === null) return undefined;
    return {
      ...recordRow(row),
      data: JSON.parse(row.data) as Json,
      steps: row.objects === null ? [] : (JSON.parse(row.objects) as RecordStep[]),
    };
  }

  rows(environmentId: number, uuids: readonly string[]): Promise<RecordRow[]> {
    return recordRows(this.#db, environmentId, uuids);
  }

  async search(
    environmentId: number,
    filter: RecordFilter,
    { limit, offset, cursor }: { limit: number; offset: number; cursor: string | undefined },
  ): Promise<RecordPage> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const { page, count, counted } = searchStatements(this.#db, environmentId, filter, {
      limit,
      offset,
      after,
    });
    const [rows, total] = await this.#db.batch<Record<string, unknown>>([page, count]);
    return pageOf(
      (rows?.results ?? []) as unknown as (StoredRow & { sorted_at: number })[],
      limit,
      (total?.results[0]?.total as number | undefined) ?? 0,
      counted,
    );
  }

  change(environmentId: number, changes: readonly RecordChange[], at: number): Promise<Set<string>> {
    return changeRecords(this.#db, environmentId, changes, at);
  }

  async remove(environmentId: number, uuid: string, runId: string): Promise<boolean> {
    const { meta } = await this.#db
      .prepare(
        "DELETE FROM records WHERE environment_id = ?1 AND uuid = ?2 AND run_id = ?3 AND queue <> 'taken'",
      )
      .bind(environmentId, uuid, runId)
      .run();
    return meta.changes > 0;
  }

  tell(tellings: readonly RecordTelling[]): Promise<void> {
    return tellRecords(this.#db, tellings);
  }

  due(environmentId: number, now: number, changedBefore: number, limit: number): Promise<DueRecord[]> {
    return dueRecords(this.#db, environmentId, now, changedBefore, limit);
  }

  waiting(environmentId: number, uuids: readonly string[]): Promise<DueRecord[]> {
    return waitingRecords(this.#db, environmentId, uuids);
  }

  nextDue(environmentId: number): Promise<{ due: number | undefined; blocked: boolean }> {
    return nextDueRecord(this.#db, environmentId);
  }

  renew(
    environmentId: number,
    runs: readonly { uuid: string; runId: string; newRunId: string }[],
  ): Promise<void> {
    return renewRuns(this.#db, environmentId, runs);
  }

  fills(environmentId: number): Promise<FieldFill[]> {
    return fieldFills(this.#db, environmentId);
  }

  beginFills(environmentId: number, keys: readonly string[], gone: readonly string[]): Promise<void> {
    return beginFills(this.#db, environmentId, keys, gone);
  }

  toFill(
    environmentId: number,
    upTo: number,
    limit: number,
  ): Promise<{ id: number; projectId: number; createdAt: number; data: Json }[]> {
    return recordsToFill(this.#db, environmentId, upTo, limit);
  }

  fill(
    environmentId: number,
    key: string,
    upTo: number | null,
    values: readonly { id: number; createdAt: number; value: string }[],
  ): Promise<void> {
    return fillField(this.#db, environmentId, key, upTo, values);
  }

  forgetField(environmentId: number, key: string, limit: number): Promise<boolean> {
    return forgetField(this.#db, environmentId, key, limit);
  }
}
