-- What projects have beside their flows: tables, keystores, integrations, webhooks, events, interfaces …
-- (src/domain/resource.ts). Each row is the truth about one; copies at the edge are kept under the environment's epoch.
CREATE TABLE resources (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  project_id INTEGER NOT NULL REFERENCES projects (id),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  -- The project's id where names are unique in a project, 0 where they are unique in the environment.
  scope INTEGER NOT NULL,
  -- SHA-256 of the definition, to see what an applied bundle changes.
  hash TEXT NOT NULL,
  -- With defaults filled in.
  definition TEXT NOT NULL,
  -- As it was written, for the export.
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CONSTRAINT resource_name_taken UNIQUE (environment_id, kind, scope, name)
);
CREATE INDEX resources_by_project ON resources (project_id, kind);
