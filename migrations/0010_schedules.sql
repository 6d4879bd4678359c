-- Which flow versions carry schedules: the scheduler of an environment reads the current ones of them, however many other
-- flows there are.
CREATE INDEX flow_versions_scheduled ON flow_versions (environment_id, flow_id, version)
  WHERE json_extract(definition, '$.definition.schedule') IS NOT NULL;
