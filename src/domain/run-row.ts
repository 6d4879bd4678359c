import type { RunRecord, RunStatus, TriggerKind } from "./run";

/** A run as its row tells it, wherever that is: the columns have the same names in the history and in a shard. */
export interface RunColumns {
  id: string;
  project_id: number;
  project: string;
  flow_id: number;
  flow: string;
  flow_version: number;
  trigger_kind: TriggerKind;
  user_name: string;
  started_at: number;
  ended_at: number | null;
  status: RunStatus;
  message: string | null;
}

/** A run without its messages. */
export function runOf(environmentId: number, row: RunColumns): Omit<RunRecord, "messages"> {
  return {
    environmentId,
    id: row.id,
    projectId: row.project_id,
    project: row.project,
    flowId: row.flow_id,
    flow: row.flow,
    flowVersion: row.flow_version,
    trigger: row.trigger_kind,
    user: row.user_name,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    status: row.status,
    message: row.message,
  };
}
