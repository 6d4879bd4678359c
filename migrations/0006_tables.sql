-- How many rows each declared table has, kept by triggers of the table: a search without rules tells it without counting.
CREATE TABLE table_counters (
  table_name TEXT PRIMARY KEY,
  rows INTEGER NOT NULL
) WITHOUT ROWID;

-- Writes of durable runs, each in the transaction of its write: a step that is repeated finds its key here, changes
-- nothing and gives the same result.
CREATE TABLE applied_steps (
  step_key TEXT PRIMARY KEY,
  result TEXT NOT NULL,
  -- Milliseconds since 1970; rows older than any run are swept.
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX applied_steps_by_age ON applied_steps (at);
