-- Keystores that were dropped and whose owners have not forgotten their data yet: written in the transaction that drops
-- them, deleted when the owner has acknowledged it.
CREATE TABLE dropped_keystores (
  environment_id INTEGER NOT NULL,
  keystore_id INTEGER NOT NULL,
  PRIMARY KEY (environment_id, keystore_id)
) WITHOUT ROWID;
