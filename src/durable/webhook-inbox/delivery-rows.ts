import type {
  DeliveredRequest,
  Delivery,
  DeliveryFilter,
  DeliveryState,
  DeliveryTarget,
  NewDelivery,
} from "../../domain/delivery";
import { MAX_WEBHOOK_RETENTION_MS } from "../../domain/limits";
import { TIME_DIGITS, timePrefix } from "../../domain/process-id";

/** Bytes of one row's part of a body: a row ends at 2 MB. */
const PART_BYTES = 1024 * 1024;

interface DeliveryRow {
  [column: string]: SqlStorageValue;
  id: string;
  sender_id: string | null;
  run_id: string;
  received_at: number;
  keep_until: number;
  size: number;
  target: string;
  request: string;
  state: DeliveryState;
  error: string | null;
  attempts: number;
  due: number | null;
  replay_of: string | null;
}

const COLUMNS =
  "id, sender_id, run_id, received_at, keep_until, size, target, request, state, error, attempts, due, replay_of";

/** Conditions that a state stands for. */
const STATES: Record<DeliveryState, string> = {
  waiting: "due IS NOT NULL",
  failed: "state = 'failed'",
  started: "state = 'started'",
};

/** Bytes that a delivery takes: its body, and what is kept of its request beside it. */
const ROW_BYTES = "size + length(CAST(request AS BLOB))";
/** An expression of the bytes that all deliveries take. */
export const DELIVERED_BYTES = `SELECT sum(${ROW_BYTES}) FROM deliveries`;

/** The deliveries of one webhook. Every method is synchronous: all that one turn writes is one transaction. */
export class DeliveryRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** @returns the bytes that it takes */
  insert(delivery: NewDelivery, replayOf: string | null): number {
    const { id, key, senderId, runId, receivedAt, keepUntil, body, target, request } = delivery;
    const [row] = this.#sql.exec<{ bytes: number }>(
      `INSERT INTO deliveries (id, key, sender_id, run_id, received_at, keep_until, size, target, request, state, due, replay_of)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?) RETURNING ${ROW_BYTES} AS bytes`,
      id,
      key,
      senderId,
      runId,
      receivedAt,
      keepUntil,
      body.length,
      JSON.stringify(target),
      JSON.stringify(request),
      receivedAt,
      replayOf,
    );
    for (let part = 0; part * PART_BYTES < body.length; part += 1) {
      const piece = body.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql.exec("INSERT INTO parts (delivery, part, bytes) VALUES (?, ?, ?)", id, part, piece.buffer);
    }
    return row?.bytes ?? 0;
  }

  find(id: string): Delivery | undefined {
    return this.#one(`SELECT ${COLUMNS} FROM deliveries WHERE id = ?`, id);
  }

  findByKey(key: string): Delivery | undefined {
    return this.#one(`SELECT ${COLUMNS} FROM deliveries WHERE key = ?`, key);
  }

  body(id: string): Uint8Array | undefined {
    const row = this.#sql.exec<{ size: number }>("SELECT size FROM deliveries WHERE id = ?", id).toArray()[0];
    if (row === undefined) return undefined;
    const whole = new Uint8Array(row.size);
    let at = 0;
    for (const { bytes } of this.#sql.exec<{ bytes: ArrayBuffer }>(
      "SELECT bytes FROM parts WHERE delivery = ? ORDER BY part",
      id,
    )) {
      whole.set(new Uint8Array(bytes), at);
      at += bytes.byteLength;
    }
    return whole;
  }

  /** Newest first. `after` is the id of the last delivery of the page before. */
  list(filter: DeliveryFilter, limit: number, after: string | undefined): Delivery[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const where = (condition: string, value: string | number | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    // As the partial indexes have it: what waits is what is due.
    if (filter.state !== undefined) conditions.push(STATES[filter.state]);
    where("sender_id = ?", filter.senderId);
    where("run_id = ?", filter.runId);
    // Ids begin with their time, and a run's with that of its delivery.
    const time = filter.runId?.slice(0, TIME_DIGITS);
    where("id >= ?", time);
    where("id < ?", time === undefined ? undefined : `${time}~`);
    where("id >= ?", filter.from === undefined ? undefined : timePrefix(filter.from));
    where("id < ?", filter.to === undefined ? undefined : timePrefix(filter.to));
    where("id < ?", after);
    const all = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    return this.#sql
      .exec<DeliveryRow>(
        `SELECT ${COLUMNS} FROM deliveries ${all} ORDER BY id DESC LIMIT ?`,
        ...values,
        limit,
      )
      .toArray()
      .map(deliveryOf);
  }

  /** Deliveries whose run is to be started now, those that wait longest first. */
  due(now: number, limit: number): Delivery[] {
    return this.#sql
      .exec<DeliveryRow>(
        `SELECT ${COLUMNS} FROM deliveries WHERE due <= ? ORDER BY due, id LIMIT ?`,
        now,
        limit,
      )
      .toArray()
      .map(deliveryOf);
  }

  /** When the next start is due; `undefined` when all are settled. */
  nextDue(): number | undefined {
    return (
      this.#sql
        .exec<{ due: number | null }>("SELECT min(due) AS due FROM deliveries WHERE due IS NOT NULL")
        .one().due ?? undefined
    );
  }

  settle(id: string, state: "started" | "failed", error: string | null): void {
    this.#sql.exec("UPDATE deliveries SET state = ?, error = ?, due = NULL WHERE id = ?", state, error, id);
  }

  postpone(id: string, due: number, reason: string, failed: boolean): void {
    this.#sql.exec(
      "UPDATE deliveries SET due = ?, error = ?, attempts = attempts + ? WHERE id = ? AND due IS NOT NULL",
      due,
      reason,
      failed ? 1 : 0,
      id,
    );
  }

  /** Forgets deliveries whose time is over; one whose run is still to be started is kept. */
  forgetOld(now: number, limit: number): { count: number; bytes: number } {
    const old = this.#sql
      .exec<{ id: string; bytes: number }>(
        `SELECT id, ${ROW_BYTES} AS bytes FROM deliveries WHERE keep_until <= ? AND due IS NULL ORDER BY keep_until LIMIT ?`,
        now,
        limit,
      )
      .toArray();
    this.#remove(old.map(({ id }) => id));
    return { count: old.length, bytes: old.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /**
   * Forgets what projects took until then, those deliveries too whose runs were to be started.
   * @returns the bytes that they took
   */
  forgetProjects(projectIds: readonly number[], until: number): number {
    const old = this.#sql
      .exec<{ id: string; bytes: number }>(
        `SELECT id, ${ROW_BYTES} AS bytes FROM deliveries
         WHERE received_at <= ? AND target ->> 'projectId' IN (SELECT value FROM json_each(?))`,
        until,
        JSON.stringify(projectIds),
      )
      .toArray();
    this.#remove(old.map(({ id }) => id));
    return old.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Forgets everything. */
  clear(): void {
    this.#sql.exec("DELETE FROM parts");
    this.#sql.exec("DELETE FROM deliveries");
  }

  /** When the last of all may be forgotten, at the latest; 0 when there are none. */
  latestEnd(): number {
    const latest = (condition: string) =>
      this.#sql
        .exec<{ end: number | null }>(`SELECT max(keep_until) AS end FROM deliveries WHERE ${condition}`)
        .one().end;
    // What waits is kept until it has been started.
    const waiting = latest("due IS NOT NULL");
    return Math.max(latest("due IS NULL") ?? 0, waiting === null ? 0 : waiting + MAX_WEBHOOK_RETENTION_MS);
  }

  /** When the next delivery may be forgotten; `undefined` when there is none. */
  nextEnd(): number | undefined {
    return (
      this.#sql
        .exec<{ end: number | null }>("SELECT min(keep_until) AS end FROM deliveries WHERE due IS NULL")
        .one().end ?? undefined
    );
  }

  #remove(ids: readonly string[]): void {
    for (const id of ids) {
      this.#sql.exec("DELETE FROM parts WHERE delivery = ?", id);
      this.#sql.exec("DELETE FROM deliveries WHERE id = ?", id);
    }
  }

  #one(query: string, value: string): Delivery | undefined {
    const row = this.#sql.exec<DeliveryRow>(query, value).toArray()[0];
    return row === undefined ? undefined : deliveryOf(row);
  }
}

/** A delivery that has just been stored. */
export function stored({ body, key: _, ...delivery }: NewDelivery, replayOf: string | null): Delivery {
  return {
    ...delivery,
    size: body.length,
    state: "waiting",
    error: null,
    attempts: 0,
    nextAttemptAt: delivery.receivedAt,
    replayOf,
  };
}

function deliveryOf(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    runId: row.run_id,
    target: JSON.parse(row.target) as DeliveryTarget,
    request: JSON.parse(row.request) as DeliveredRequest,
    size: row.size,
    senderId: row.sender_id,
    receivedAt: row.received_at,
    keepUntil: row.keep_until,
    state: row.state,
    error: row.error,
    attempts: row.attempts,
    nextAttemptAt: row.due,
    replayOf: row.replay_of,
  };
}
