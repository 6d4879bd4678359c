import { STATISTICS_RUNS, type Statistics } from "../../domain/environment-statistics";
import { declaredTables } from "./tables/declared-tables";
import { quoted } from "./tables/names";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Rows that one statement removes: D1 stops statements that take long. */
const PURGE_ROWS = 5_000;
/** Tables whose rows begin with their environment's id, and how their rows' bytes are counted. */
const MEASURED: readonly (readonly [string, string])[] = [
  ["records", "length(data)"],
  ["project_files", "size"],
  ["run_messages", "length(text) + coalesce(length(details), 0)"],
  ["flow_versions", "length(definition)"],
  ["runs", "200"],
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
    const [runs, records, visits] = await this.#base.batch<Record<string, number | null>>([
      this.#base
        .prepare(
          `SELECT count(*) AS tasks, sum(trigger_kind = 'schedule') AS batches, sum(trigger_kind = 'webhook') AS webhooks,
             avg(ended_at - started_at) AS average, max(ended_at - started_at) AS peak
           FROM (SELECT trigger_kind, started_at, ended_at FROM runs
             WHERE environment_id = ?1 AND id >= ?2 ORDER BY id DESC LIMIT ${STATISTICS_RUNS})
           WHERE started_at >= ?3`,
        )
        // A process id begins with the run's start in base 36, so that ids are in order of time.
        .bind(environmentId, since.toString(36).padStart(9, "0"), since),
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
    const oldest = (now - retentionMs).toString(36).padStart(9, "0");
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
      (now - HOUR_MS).toString(36).padStart(9, "0"),
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
}
