-- The event that a flow version is registered for; read out of its definition, so that it cannot tell otherwise.
ALTER TABLE flow_versions ADD COLUMN event TEXT GENERATED ALWAYS AS (definition ->> '$.definition.workflow.event') VIRTUAL;
CREATE INDEX flow_versions_by_event ON flow_versions (environment_id, event) WHERE event IS NOT NULL;
