/*
 * The tables of a keystore's owner. `entries` and `parts` are the truth; `copies` says what KV may hold of it, and what is
 * still to be done there; `steps` holds the answers of writes that may come again.
 */

const TABLES = `
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  -- NULL: the text is in \`parts\`, as a row ends at 2 MB.
  text TEXT,
  format TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  -- NULL: never.
  expires_at INTEGER
);
CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS parts (
  entry INTEGER NOT NULL,
  part INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (entry, part)
);

CREATE TABLE IF NOT EXISTS copies (
  key TEXT PRIMARY KEY,
  -- 1: KV may hold a copy.
  held INTEGER NOT NULL,
  -- When the copy is to be made, or taken away; NULL when it is as it should be.
  due INTEGER,
  -- When KV was last written under this key.
  touched_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS copies_by_due ON copies (due) WHERE due IS NOT NULL;

CREATE TABLE IF NOT EXISTS steps (
  step TEXT PRIMARY KEY,
  answer TEXT NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS steps_by_time ON steps (at);

-- Places of values that searches asked for, by the name of the place: their terms are in \`terms\`.
CREATE TABLE IF NOT EXISTS places (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  -- Entries up to this id have their terms; NULL: all have.
  built_to INTEGER
);

-- What entries have at those places. It may find entries that do not match, and never misses one (domain/keystore-terms.ts).
CREATE TABLE IF NOT EXISTS terms (
  entry INTEGER NOT NULL,
  place INTEGER NOT NULL,
  text TEXT NOT NULL,
  lower TEXT NOT NULL,
  number REAL,
  PRIMARY KEY (entry, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS terms_by_text ON terms (place, text);
CREATE INDEX IF NOT EXISTS terms_by_lower ON terms (place, lower);
CREATE INDEX IF NOT EXISTS terms_by_number ON terms (place, number) WHERE number IS NOT NULL;

-- One row: how many entries there are, what KV's keys begin with, whether the keystore was dropped.
CREATE TABLE IF NOT EXISTS store (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  keys INTEGER NOT NULL,
  prefix TEXT NOT NULL,
  dropped INTEGER NOT NULL
);
`;

/** Makes what is missing. */
export function createTables(sql: SqlStorage): void {
  sql.exec(TABLES);
}
