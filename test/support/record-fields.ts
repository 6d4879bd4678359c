/** Fields of a record that a search found, in the seed's order (*Search Data Records*). */
export const FOUND_FIELDS = [
  "id",
  "uuid",
  "flow_id",
  "flow_name",
  "flow_version",
  "date_created",
  "date_started",
  "date_last_run",
  "date_next_run",
  "queue_status",
  "dynamic_value",
  "current_step",
  "num_runs",
  "flow_status",
  "flow_status_name",
];
