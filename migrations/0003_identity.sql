-- Who may call: users, groups and roles belong to an organization, and so do the keys of its users.

-- Grows by one with every change below, in the same transaction; copies of a key's standing at the edge are kept under it.
ALTER TABLE organizations ADD COLUMN identity_epoch INTEGER NOT NULL DEFAULT 1;

CREATE TABLE users (
  -- Never used again, so that a row of the audit trail means one user.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  description TEXT,
  enabled INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (organization_id, name)
);

-- GROUPS is a word of SQL.
CREATE TABLE user_groups (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  description TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (organization_id, name)
);

CREATE TABLE roles (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  name TEXT NOT NULL,
  description TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (organization_id, name)
);

CREATE TABLE group_members (
  group_id INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;
CREATE INDEX group_members_by_user ON group_members (user_id);

CREATE TABLE group_roles (
  group_id INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
  role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  PRIMARY KEY (group_id, role_id)
) WITHOUT ROWID;
CREATE INDEX group_roles_by_role ON group_roles (role_id);

CREATE TABLE role_privileges (
  role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  privilege TEXT NOT NULL,
  PRIMARY KEY (role_id, privilege)
) WITHOUT ROWID;

-- A key is a signed token, so nothing of it is stored but its id: what is here only says whether it still counts.
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  -- Names the secret that it was signed with.
  kid TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  not_before INTEGER,
  expires_at INTEGER,
  revoked_at INTEGER,
  revoked_by TEXT,
  -- To the hour, and a little late.
  last_used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at DESC, id DESC);

-- Values for flows, encrypted under the deployment's MASTER_KEY; see src/adapters/secret-cipher.ts.
CREATE TABLE secrets (
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  -- Names the master key that it is encrypted under.
  key_id TEXT NOT NULL,
  -- Initialization vector and ciphertext, base64.
  sealed TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (environment_id, name)
) WITHOUT ROWID;

-- The audit trail: a row before a change is made, and another with what came of it.
CREATE TABLE audit_log (
  -- Begins with its time, so that the key lists by time.
  id TEXT PRIMARY KEY,
  organization_id INTEGER NOT NULL,
  environment_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  user_name TEXT NOT NULL,
  -- admin-token, access, key, or none.
  credential TEXT NOT NULL,
  -- Of a user's key.
  key_id TEXT,
  action TEXT NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  client TEXT NOT NULL,
  request_id TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_log_by_time ON audit_log (organization_id, id DESC);
CREATE INDEX audit_log_by_user ON audit_log (organization_id, user_name, id DESC);
CREATE INDEX audit_log_by_action ON audit_log (organization_id, action, id DESC);

CREATE TABLE audit_outcomes (
  audit_id TEXT PRIMARY KEY REFERENCES audit_log (id),
  -- done, denied or failed.
  outcome TEXT NOT NULL,
  status INTEGER NOT NULL,
  -- JSON: what was changed, never a value that is secret.
  details TEXT
) WITHOUT ROWID;

CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_log_keeps BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_outcomes_stay BEFORE UPDATE ON audit_outcomes BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_outcomes_keep BEFORE DELETE ON audit_outcomes BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
