/*
 * The tables of a run shard. Values larger than `PART_BYTES` are cut into several rows of `documents`, since a row ends
 * at 2 MB; see documents.ts.
 */

const TABLES = `
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  project_id INTEGER NOT NULL,
  project TEXT NOT NULL,
  flow_id INTEGER NOT NULL,
  flow TEXT NOT NULL,
  flow_version INTEGER NOT NULL,
  trigger_kind TEXT NOT NULL,
  user_name TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  -- Queued, Running: it must be in memory, or a heartbeat takes it up. Waiting: a timer of kind 'wake' does.
  status TEXT NOT NULL,
  -- Times that it was taken up since it last got further.
  attempts INTEGER NOT NULL,
  -- Nodes of its flow, times the records that travel one by one.
  nodes INTEGER NOT NULL,
  -- Where it waits.
  waits_at TEXT,
  ended_at INTEGER,
  message TEXT,
  -- Hash of endpoint, user and Idempotency-Key; of the request.
  key TEXT,
  fingerprint TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_active ON runs (id) WHERE status IN ('Queued', 'Running');
CREATE INDEX IF NOT EXISTS runs_open ON runs (id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS runs_by_key ON runs (key) WHERE key IS NOT NULL;

-- One row for each finished step: what it emitted (in documents when NULL), and what it said in the console.
CREATE TABLE IF NOT EXISTS steps (
  run TEXT NOT NULL,
  path TEXT NOT NULL,
  -- Whether it is a node of the triggered flow itself, not of a loop or a called flow: what progress counts.
  top INTEGER NOT NULL,
  -- When it was written, and in which attempt: a step is written once.
  at INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  emission TEXT,
  messages TEXT,
  PRIMARY KEY (run, path)
) WITHOUT ROWID;

-- When the delay at a step is over.
CREATE TABLE IF NOT EXISTS waits (
  run TEXT NOT NULL,
  path TEXT NOT NULL,
  due INTEGER NOT NULL,
  PRIMARY KEY (run, path)
) WITHOUT ROWID;

-- Steps that were called back, or wait for it. The call's content is the document 'callback:' and the path.
CREATE TABLE IF NOT EXISTS callbacks (
  run TEXT NOT NULL,
  path TEXT NOT NULL,
  -- Until when the step waits; NULL as long as the run has not come there.
  due INTEGER,
  -- What is asked for, and whether polls show the URL.
  about TEXT,
  reveal INTEGER NOT NULL,
  called_at INTEGER,
  PRIMARY KEY (run, path)
) WITHOUT ROWID;

-- The version of a called flow, as it was when the run first called it.
CREATE TABLE IF NOT EXISTS calls (
  run TEXT NOT NULL,
  flow TEXT NOT NULL,
  -- NULL: there was no such flow.
  pointer TEXT,
  PRIMARY KEY (run, flow)
) WITHOUT ROWID;

-- Every due time of the shard; its one alarm is the earliest.
CREATE TABLE IF NOT EXISTS timers (
  kind TEXT NOT NULL,
  run TEXT NOT NULL,
  due INTEGER NOT NULL,
  PRIMARY KEY (kind, run)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timers_by_due ON timers (due);

-- What ended runs owe others, until they have acknowledged it.
CREATE TABLE IF NOT EXISTS outbox (
  run TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- Deliveries that failed.
  failures INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL,
  PRIMARY KEY (run, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_by_due ON outbox (due);

-- The exclusion groups of runs, until the groups have acknowledged that they left; see permits.ts.
CREATE TABLE IF NOT EXISTS permits (
  run TEXT PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  on_busy TEXT NOT NULL,
  max_queue INTEGER NOT NULL,
  project TEXT NOT NULL,
  flow TEXT NOT NULL,
  flow_id INTEGER NOT NULL,
  user_name TEXT NOT NULL,
  wait_until INTEGER,
  held INTEGER NOT NULL,
  ended INTEGER NOT NULL
) WITHOUT ROWID;

-- Runs that execute data records. rev counts what there is to tell the record's row; what was told is never taken back.
CREATE TABLE IF NOT EXISTS record_runs (
  run TEXT PRIMARY KEY,
  uuid TEXT NOT NULL,
  number INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  begun_at INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS documents (
  run TEXT NOT NULL,
  name TEXT NOT NULL,
  part INTEGER NOT NULL,
  text TEXT,
  bytes BLOB,
  PRIMARY KEY (run, name, part)
) WITHOUT ROWID;

-- Executions that ended in an error of ours, since the run last got further.
CREATE TABLE IF NOT EXISTS failures (run TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;

-- Runs that their callers gave up before they came: they must not begin when they come after all.
CREATE TABLE IF NOT EXISTS withdrawn (run TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
`;

/** Makes what is missing; costs one look at the schema when all is there. */
export function createTables(sql: SqlStorage): void {
  sql.exec(TABLES);
}
