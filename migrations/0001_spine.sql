-- Who owns what: an organization owns environments, an environment hosts projects. The environment's id is in every row.
CREATE TABLE organizations (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
);

CREATE TABLE environments (
  id INTEGER PRIMARY KEY,
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  -- Calls to this host name are calls to this environment.
  host TEXT UNIQUE,
  is_default INTEGER NOT NULL DEFAULT 0,
  -- Grows by one whenever what endpoints resolve to may have changed; copies at the edge are kept under it.
  catalog_epoch INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  UNIQUE (organization_id, name)
);

INSERT INTO organizations (id, name, created_at) VALUES (1, 'default', 0);
INSERT INTO environments (id, organization_id, name, host, is_default, created_at) VALUES (1, 1, 'default', NULL, 1, 0);

CREATE TABLE projects (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  description TEXT,
  -- Counts the applications that changed something; also guards against two writers at once.
  version INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (environment_id, name)
);

-- What a bundle says about the whole project, by version, without its flows: those have versions of their own.
CREATE TABLE project_versions (
  environment_id INTEGER NOT NULL,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  summary TEXT NOT NULL,
  published INTEGER NOT NULL,
  applied_by TEXT NOT NULL,
  applied_at INTEGER NOT NULL,
  PRIMARY KEY (project_id, version)
) WITHOUT ROWID;

CREATE TABLE flows (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  project_id INTEGER NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  -- The version that calls run; NULL while there is only a draft.
  current_version INTEGER,
  draft_version INTEGER,
  last_version INTEGER NOT NULL DEFAULT 0,
  -- Of the current version: whether it has an endpoint, and the alias of that.
  has_endpoint INTEGER NOT NULL DEFAULT 0,
  alias TEXT,
  -- running, paused or inactive.
  status TEXT NOT NULL DEFAULT 'running',
  -- Set when a bundle no longer has the flow: it is kept with its history, and answers no calls.
  retired_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (project_id, name)
);
CREATE UNIQUE INDEX flows_by_alias ON flows (environment_id, alias) WHERE alias IS NOT NULL AND retired_at IS NULL;
CREATE INDEX flows_by_name ON flows (environment_id, name);

CREATE TABLE flow_versions (
  environment_id INTEGER NOT NULL,
  flow_id INTEGER NOT NULL REFERENCES flows (id),
  version INTEGER NOT NULL,
  -- draft or published
  state TEXT NOT NULL,
  -- SHA-256 of the definition, to see what an applied bundle changes.
  hash TEXT NOT NULL,
  definition TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  published_at INTEGER,
  PRIMARY KEY (flow_id, version)
) WITHOUT ROWID;

-- A row goes in and out again inside a batch; its check rolls the batch back when the project moved on meanwhile.
CREATE TABLE version_guards (
  project_id INTEGER NOT NULL,
  unchanged INTEGER NOT NULL CONSTRAINT project_moved_on CHECK (unchanged = 1)
);

CREATE TABLE runs (
  environment_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  project TEXT NOT NULL,
  flow_id INTEGER NOT NULL,
  flow TEXT NOT NULL,
  flow_version INTEGER NOT NULL,
  -- 'trigger' is a word of SQL.
  trigger_kind TEXT NOT NULL,
  user_name TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  status TEXT NOT NULL,
  message TEXT,
  message_count INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (environment_id, id)
) WITHOUT ROWID;
-- A process id begins with its run's start, so the primary key lists runs by time; see domain/process-id.ts.
CREATE INDEX runs_by_flow ON runs (environment_id, flow, id DESC);
CREATE INDEX runs_by_project ON runs (environment_id, project, id DESC);
-- What is rare is looked for often; the usual is not worth an index entry, and is soon found by time.
CREATE INDEX runs_by_failure ON runs (environment_id, status, id DESC) WHERE status <> 'Success';
CREATE INDEX runs_by_user ON runs (environment_id, user_name, id DESC) WHERE user_name <> 'system';
CREATE INDEX runs_by_trigger ON runs (environment_id, trigger_kind, id DESC) WHERE trigger_kind <> 'action';

CREATE TABLE run_messages (
  environment_id INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  level TEXT NOT NULL,
  node TEXT,
  record INTEGER,
  text TEXT NOT NULL,
  text_length INTEGER,
  details TEXT,
  details_length INTEGER,
  PRIMARY KEY (environment_id, run_id, sequence)
) WITHOUT ROWID;
