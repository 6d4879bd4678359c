-- Who may call the v1 API. Of every credential only the SHA-256 is kept; all are random texts of 256 bits, so a plain hash
-- cannot be turned back by guessing, and looking one up by its hash tells nothing by its timing.

CREATE TABLE organization_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  organization_id INTEGER NOT NULL REFERENCES organizations (id),
  -- 'data' is X-Apikey of most v1 calls; 'organization' that of /v1/environment.
  kind TEXT NOT NULL CHECK (kind IN ('data', 'organization')),
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  -- The last four characters, to tell keys apart.
  hint TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
);
CREATE INDEX organization_keys_by_organization ON organization_keys (organization_id, id);

-- Beside the declaration of an interface, which comes with a bundle (resources): a bundle holds no secrets.
CREATE TABLE interface_credentials (
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  interface TEXT NOT NULL,
  client_id TEXT NOT NULL UNIQUE,
  client_secret_hash TEXT NOT NULL,
  app_key_hash TEXT NOT NULL UNIQUE,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  rotated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, interface)
) WITHOUT ROWID;

CREATE TABLE oauth_tokens (
  hash TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
  -- All tokens that descend from one authentication; a refresh token used twice revokes them together (RFC 9700, 4.14.2).
  family TEXT NOT NULL,
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  client_id TEXT NOT NULL,
  -- Divided by spaces; NULL means all scopes of the interface.
  scopes TEXT,
  issued_at INTEGER NOT NULL,
  -- NULL for refresh tokens, which end by revocation (seed: "a token that does not expire").
  expires_at INTEGER,
  -- When a refresh token was exchanged for its successor.
  spent_at INTEGER
) WITHOUT ROWID;
CREATE INDEX oauth_tokens_by_family ON oauth_tokens (family);
CREATE INDEX oauth_tokens_by_client ON oauth_tokens (client_id);
CREATE INDEX oauth_tokens_by_expiry ON oauth_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE event_tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  environment_id INTEGER NOT NULL REFERENCES environments (id),
  kind TEXT NOT NULL CHECK (kind IN ('account', 'source', 'channel')),
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
);
CREATE INDEX event_tokens_by_environment ON event_tokens (environment_id, id);
