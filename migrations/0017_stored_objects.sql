-- Bytes that keystores and webhooks' inboxes keep outside of the database, as their objects last told: part of what an
-- environment has in use. A row goes when its object keeps nothing any more.
CREATE TABLE object_storage (
  environment_id INTEGER NOT NULL,
  -- keystore, by its id; webhook, by its name.
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (environment_id, kind, name)
) WITHOUT ROWID;
