-- Runs that went as they should and said nothing, many in one row: those of one flow version, trigger and user that ended at
-- about the same time. All other runs are rows of their own, in `runs`. What a row says of each run is in
-- adapters/d1/run-segment.ts; the first and last of its runs started at most SEGMENT_SPAN_MS apart.
CREATE TABLE run_segments (
  -- Not without row ids: rows are too large to lie in the tree itself.
  segment_id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  first_id TEXT NOT NULL,
  last_id TEXT NOT NULL,
  project_id INTEGER NOT NULL,
  project TEXT NOT NULL,
  flow_id INTEGER NOT NULL,
  flow TEXT NOT NULL,
  flow_version INTEGER NOT NULL,
  trigger_kind TEXT NOT NULL,
  user_name TEXT NOT NULL,
  run_count INTEGER NOT NULL,
  -- Milliseconds that all runs together took, and that the longest took.
  total_ms INTEGER NOT NULL,
  longest_ms INTEGER NOT NULL,
  runs TEXT NOT NULL
);
-- Lists by time, and lets what is delivered twice in only once. Statistics are told from it alone.
CREATE UNIQUE INDEX run_segments_by_time
  ON run_segments (environment_id, last_id DESC, first_id, trigger_kind, run_count, total_ms, longest_ms);
CREATE INDEX run_segments_by_flow ON run_segments (environment_id, flow, last_id DESC);
CREATE INDEX run_segments_by_project ON run_segments (environment_id, project, last_id DESC);
-- As with `runs`, what is rare is looked for often.
CREATE INDEX run_segments_by_user ON run_segments (environment_id, user_name, last_id DESC) WHERE user_name <> 'system';
CREATE INDEX run_segments_by_trigger ON run_segments (environment_id, trigger_kind, last_id DESC) WHERE trigger_kind <> 'action';
