/*
 * The tables of a webhook's inbox. A body is cut into parts, since a row ends at 2 MB; see delivery-rows.ts.
 */

const TABLES = `
CREATE TABLE IF NOT EXISTS deliveries (
  -- Sorts by time; see domain/delivery.ts.
  id TEXT PRIMARY KEY,
  -- Hash of what makes it the same delivery when it comes again.
  key TEXT UNIQUE,
  sender_id TEXT,
  run_id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  keep_until INTEGER NOT NULL,
  size INTEGER NOT NULL,
  -- JSON: the flow that it starts; the request without its body.
  target TEXT NOT NULL,
  request TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- When starting its run is tried next; NULL once that is settled. This is the outbox.
  due INTEGER,
  replay_of TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_old ON deliveries (keep_until) WHERE due IS NULL;
CREATE INDEX IF NOT EXISTS deliveries_failed ON deliveries (id) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS deliveries_by_sender ON deliveries (sender_id) WHERE sender_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS parts (
  delivery TEXT NOT NULL,
  part INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (delivery, part)
) WITHOUT ROWID;

-- At most one row: milliseconds since 1970 until when the first shard may keep deliveries of the time before there were shards.
CREATE TABLE IF NOT EXISTS earlier (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  until INTEGER NOT NULL
);

-- Of objects that were made before: each index is another page that every delivery writes.
DROP INDEX IF EXISTS deliveries_by_state;
DROP INDEX IF EXISTS deliveries_by_run;
`;

/** Creates what is missing; safe to repeat at every start of the object. */
export function createTables(sql: SqlStorage): void {
  sql.exec(TABLES);
}
