import { STATISTICS_ROWS, type Statistics } from "../../domain/environment-statistics";
import { timePrefix } from "../../domain/process-id";
import { segmentsEnd } from "./run-question";
import { declaredTables } from "./tables/declared-tables";
import { quoted } from "./tables/names";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Rows that one statement removes: D1 stops statements that take long. */
const PURGE_ROWS = 5_000;
/** The same of segments of runs, which are large. */
const PURGE_SEGMENTS = 250;
/** Tables whose rows begin with their environment's id, and how their rows' bytes are counted. */
const MEASURED: readonly (readonly [string, string])[] = [
  ["records", "length(data)"],
  ["project_files", "size"],
  ["run_messages", "length(text) + coalesce(length(details), 0)"],
  ["flow_versions", "length(definition)"],
  ["runs", "200"],
  ["run_segments", "200 + 50 * run_count"],
  ["object_storage", "bytes"],
];
/** How much an environment's data is, how it is used, and what can go. */
export class EnvironmentUse {
  readonly #base: D1Database;

  constructor(db: D1Database) {
    this.#base = db;
  }

  async statistics(environmentId: number, now: number): Promise<Statistics> {
    const since = now - DAY_MS;
    const oldest = timePrefix(since);
    const [runs, records, visits] = await this.#base.batch<Record<string, number | null>>([
      this.#base
        .prepare(
          // Of segments only those are read run by run that reach into the day from before.
          `SELECT sum(runs) AS tasks, sum(runs * (trigger_kind = 'schedule')) AS batches,
             sum(runs * (trigger_kind = 'webhook')) AS webhooks, sum(total) * 1.0 / sum(ended) AS average, max(longest) AS peak
           FROM (
             SELECT 1 AS runs, trigger_kind, ended_at IS NOT NULL AS ended, ended_at - started_at AS total,
               ended_at - started_at AS longest
             FROM (SELECT trigger_kind, started_at, ended_at FROM runs
               WHERE environment_id = ?1 AND id >= ?2 ORDER BY id DESC LIMIT ${STATISTICS_ROWS})
             WHERE started_at >= ?3
             UNION ALL
             SELECT run_count, trigger_kind, run_count, total_ms, longest_ms
             FROM (SELECT first_id, trigger_kind, run_count, total_ms, longest_ms FROM run_segments
               WHERE environment_id = ?1 AND last_id >= ?2 ORDER BY last_id DESC LIMIT ${STATISTICS_ROWS})
             WHERE first_id >= ?2
             UNION ALL
             SELECT 1, trigger_kind, 1, value ->> 1, value ->> 1
             FROM (SELECT trigger_kind, runs FROM run_segments
               WHERE environment_id = ?1 AND last_id >= ?2 AND last_id < ?4 AND first_id < ?2), json_each(runs)
             WHERE value ->> 0 >= ?2)`,
        )
        .bind(environmentId, oldest, since, segmentsEnd(oldest)),
      this.#base
        .prepare(
          "SELECT coalesce(sum(records), 0) AS records FROM record_counts WHERE environment_id = ?1 AND flow_id = 0",
        )
        .bind(environmentId),
      this.#base
        .prepare(
          "SELECT coalesce(sum(visits), 0) AS visits FROM environment_visits WHERE environment_id = ?1 AND hour > ?2",
        )
        .bind(environmentId, Math.floor(since / HOUR_MS)),
    ]);
    const run = runs?.results[0] ?? {};
    return {
      visits: visits?.results[0]?.visits ?? 0,
      records: records?.results[0]?.records ?? 0,
      batches: run.batches ?? 0,
      webhooks: run.webhooks ?? 0,
      tasks: run.tasks ?? 0,
      averageMs: run.average ?? 0,
      peakMs: run.peak ?? 0,
    };
  }

  async measure(environmentId: number, now: number): Promise<number> {
    const tables = await declaredTables(this.#base, environmentId);
    const parts = [
      ...MEASURED.map(
        ([table, bytes]) =>
          `SELECT coalesce(sum(${bytes}), 0) AS bytes FROM ${table} WHERE environment_id = ?1`,
      ),
      ...tables.map(({ name, columns }) => {
        const bytes = columns.map((column) => `coalesce(length(${quoted(column)}), 0)`).join(" + ");
        return `SELECT coalesce(sum(${bytes}), 0) AS bytes FROM ${quoted(name)}`;
      }),
    ];
    // A compound SELECT has five terms at the most in D1, so each is a statement of its own.
    const results = await this.#base.batch<{ bytes: number }>(
      parts.map((sql) =>
        sql.includes("?1") ? this.#base.prepare(sql).bind(environmentId) : this.#base.prepare(sql),
      ),
    );
    const used = results.reduce((sum, { results: [row] }) => sum + (row?.bytes ?? 0), 0);
    await this.#base
      .prepare("UPDATE environment_details SET used_bytes = ?2, measured_at = ?3 WHERE environment_id = ?1")
      .bind(environmentId, used, now)
      .run();
    return used;
  }

  async optimize(environmentId: number, now: number, retentionMs: number): Promise<Record<string, number>> {
    const freed: Record<string, number> = {};
    const remove = async (what: string, sql: string, ...values: unknown[]): Promise<void> => {
      let removed = 0;
      for (;;) {
        const { meta } = await this.#base
          .prepare(sql)
          .bind(environmentId, ...values)
          .run();
        removed += meta.changes;
        if (meta.changes < PURGE_ROWS) break;
      }
      freed[what] = (freed[what] ?? 0) + removed;
    };
    const oldest = timePrefix(now - retentionMs);
    await remove(
      "old_run_messages",
      `DELETE FROM run_messages WHERE environment_id = ?1 AND (run_id, sequence) IN (
         SELECT run_id, sequence FROM run_messages WHERE environment_id = ?1 AND run_id < ?2 LIMIT ${PURGE_ROWS})`,
      oldest,
    );
    await remove(
      "old_runs",
      `DELETE FROM runs WHERE environment_id = ?1 AND id IN (
         SELECT id FROM runs WHERE environment_id = ?1 AND id < ?2 LIMIT ${PURGE_ROWS})`,
      oldest,
    );
    freed.old_runs = (freed.old_runs ?? 0) + (await this.#removeSegments(environmentId, oldest));
    await remove(
      "expired_tokens",
      `DELETE FROM oauth_tokens WHERE environment_id = ?1 AND hash IN (
         SELECT hash FROM oauth_tokens WHERE environment_id = ?1 AND expires_at < ?2 LIMIT ${PURGE_ROWS})`,
      now,
    );
    await remove(
      "expired_keys",
      `DELETE FROM event_tokens WHERE environment_id = ?1 AND id IN (
         SELECT id FROM event_tokens WHERE environment_id = ?1 AND (expires_at < ?2 OR revoked_at < ?3) LIMIT ${PURGE_ROWS})`,
      now,
      now - retentionMs,
    );
    await remove(
      "orphaned_messages",
      `DELETE FROM run_messages WHERE environment_id = ?1 AND (run_id, sequence) IN (
         SELECT m.run_id, m.sequence FROM run_messages m
         WHERE m.environment_id = ?1 AND m.run_id < ?2
           AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.environment_id = ?1 AND r.id = m.run_id) LIMIT ${PURGE_ROWS})`,
      // Messages are written with their runs; a moment's difference is no orphan.
      timePrefix(now - HOUR_MS),
    );
    await remove(
      "orphaned_mappings",
      `DELETE FROM url_mappings WHERE environment_id = ?1 AND project_id NOT IN (
         SELECT id FROM projects WHERE environment_id = ?1 AND removed_at IS NULL)`,
    );
    await remove(
      "old_visits",
      "DELETE FROM environment_visits WHERE environment_id = ?1 AND hour < ?2",
      Math.floor((now - retentionMs) / HOUR_MS),
    );
    return freed;
  }

  /** Removes segments that end before an id, and tells how many runs those were. */
  async #removeSegments(environmentId: number, before: string): Promise<number> {
    let runs = 0;
    for (;;) {
      const { results } = await this.#base
        .prepare(
          `DELETE FROM run_segments WHERE segment_id IN (
             SELECT segment_id FROM run_segments WHERE environment_id = ?1 AND last_id < ?2 LIMIT ${PURGE_SEGMENTS})
           RETURNING run_count`,
        )
        .bind(environmentId, before)
        .all<{ run_count: number }>();
      runs = results.reduce((sum, { run_count }) => sum + run_count, runs);
      if (results.length < PURGE_SEGMENTS) return runs;
    }
  }
}
