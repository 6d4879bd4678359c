-- The data schema of an environment, which its records must satisfy.
CREATE TABLE record_schemas (
  environment_id INTEGER PRIMARY KEY REFERENCES environments (id),
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  schema TEXT NOT NULL,
  -- The example that satisfies it.
  data_record TEXT NOT NULL,
  url TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  modified_at INTEGER NOT NULL
);

-- Data records. A row is the truth about a record; what it executes is a run of a shard, named by run_id, which tells the
-- row how it goes (run_rev counts what it has told, so that nothing is taken back).
CREATE TABLE records (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  uuid TEXT NOT NULL,
  flow_id INTEGER NOT NULL,
  -- The version that it ran on, or would run on when it was stored.
  flow_version INTEGER NOT NULL,
  -- 0 new or paused, 1 processing, 2 finished, 3 finished with errors, 4 scheduled, 5 reviewed, 6 errors handled.
  status INTEGER NOT NULL,
  -- waiting: for its time, its flow, or a shard; held: paused by name; taken: a shard has it; none.
  queue TEXT NOT NULL,
  -- Of one that waits: when it should begin.
  due_at INTEGER,
  -- The run that executes it, or will: a shard takes each run once, so a start may be repeated.
  run_id TEXT NOT NULL,
  run_rev INTEGER NOT NULL DEFAULT 0,
  -- The run that this one continues, and the node that it begins at.
  resume_of TEXT,
  resume_at TEXT,
  num_runs INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  -- Of the data and the place in the queue; what a run tells is no modification.
  modified_at INTEGER NOT NULL,
  started_at INTEGER,
  last_run_at INTEGER,
  next_run_at INTEGER,
  step_type TEXT,
  step TEXT,
  message TEXT,
  created_by TEXT NOT NULL,
  trigger_kind TEXT NOT NULL,
  -- Nodes that the last run went through, as JSON.
  objects TEXT,
  -- Last, so that reading the others reads nothing of it.
  data TEXT NOT NULL,
  CONSTRAINT record_uuid_taken UNIQUE (environment_id, uuid)
);
CREATE INDEX records_by_time ON records (environment_id, created_at, id);
CREATE INDEX records_by_flow ON records (environment_id, flow_id, created_at, id);
CREATE INDEX records_by_status ON records (environment_id, status, created_at, id);
CREATE INDEX records_by_flow_status ON records (environment_id, flow_id, status, created_at, id);
CREATE INDEX records_by_start ON records (environment_id, started_at, id) WHERE started_at IS NOT NULL;
CREATE INDEX records_by_last_run ON records (environment_id, last_run_at, id) WHERE last_run_at IS NOT NULL;
CREATE INDEX records_waiting ON records (environment_id, flow_id, due_at) WHERE queue = 'waiting';

-- How many records there are: counting them would cost more the more there are. Flow 0 stands for all flows.
CREATE TABLE record_counts (
  environment_id INTEGER NOT NULL,
  flow_id INTEGER NOT NULL,
  status INTEGER NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (environment_id, flow_id, status)
) WITHOUT ROWID;

CREATE TRIGGER record_counted AFTER INSERT ON records BEGIN
  INSERT INTO record_counts VALUES (new.environment_id, new.flow_id, new.status, 1), (new.environment_id, 0, new.status, 1)
  ON CONFLICT DO UPDATE SET records = records + 1;
END;
CREATE TRIGGER record_uncounted AFTER DELETE ON records BEGIN
  UPDATE record_counts SET records = records - 1
  WHERE environment_id = old.environment_id AND flow_id IN (old.flow_id, 0) AND status = old.status;
END;
CREATE TRIGGER record_recounted AFTER UPDATE OF flow_id, status ON records
WHEN old.flow_id <> new.flow_id OR old.status <> new.status BEGIN
  UPDATE record_counts SET records = records - 1
  WHERE environment_id = old.environment_id AND flow_id IN (old.flow_id, 0) AND status = old.status;
  INSERT INTO record_counts VALUES (new.environment_id, new.flow_id, new.status, 1), (new.environment_id, 0, new.status, 1)
  ON CONFLICT DO UPDATE SET records = records + 1;
END;

-- Values of mapped fields, for search. A field whose path changes is another one: its key holds name, project and path.
CREATE TABLE record_fields (
  environment_id INTEGER NOT NULL,
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  record_id INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
  PRIMARY KEY (environment_id, field, value, created_at, record_id)
) WITHOUT ROWID;
CREATE INDEX record_fields_by_record ON record_fields (record_id);

-- How far each mapped field has been filled in for records that were there before it.
CREATE TABLE record_field_fills (
  environment_id INTEGER NOT NULL,
  field TEXT NOT NULL,
  -- Records up to this id are left to fill in; NULL when none is; -1 when the field is gone and its values go.
  up_to INTEGER,
  PRIMARY KEY (environment_id, field)
) WITHOUT ROWID;
