import type { Json } from "./json";

/** States of a run, as a caller sees them (contract, section 1). */
export const RUN_STATUSES = [
  "Queued",
  "Running",
  "Waiting",
  "Success",
  "Fail",
  "Timeout",
  "Cancelled",
] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** States that a run never leaves. */
export const FINAL_STATUSES = [
  "Success",
  "Fail",
  "Timeout",
  "Cancelled",
] as const satisfies readonly RunStatus[];
export type FinalStatus = (typeof FINAL_STATUSES)[number];

/** What started a run: the surface it came through. */
export const TRIGGER_KINDS = ["action", "v1", "soap", "event", "webhook", "schedule", "management"] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

export const MESSAGE_LEVELS = ["debug", "info", "warning", "error"] as const;
export type MessageLevel = (typeof MESSAGE_LEVELS)[number];

/** One line of a run's console. */
export interface RunMessage {
  /** Milliseconds since 1970. */
  at: number;
  level: MessageLevel;
  /** Path of the node that spoke (`price`, or `each/price` inside a loop); absent for the run itself. */
  node?: string;
  /** Index of the input record it is about. */
  record?: number;
  text: string;
  /** Characters of the whole text, when it was cut. */
  textLength?: number;
  details?: string;
  /** Characters of the whole details, when they were cut. */
  detailsLength?: number;
}

/** A record that failed, and why. */
export interface RecordFailure {
  /** Index of the input record; -1 when the failure is the whole run's. */
  record: number;
  /** Stable code: `flow_error` (the flow said so), an expression's code, `output_shape` … */
  code: string;
  message: string;
  /** Path of the node where it failed. */
  node: string;
}

/** The fixed output attributes that a flow may map (seed: body, headers, contentType, statusCode). */
export interface FixedResponse {
  statusCode?: number;
  headers?: Record<string, string | string[]>;
  contentType?: string;
  body?: Json;
}

/** How a run ended: everything a surface needs to answer, in no surface's own words. */
export interface RunOutcome {
  runId: string;
  status: FinalStatus;
  /** Output records by output connection point, in order; every connected output is present. */
  outputs: Record<string, Json[]>;
  /** Whether any output is connected, and so whether "no record" is a failure (seed, Error Codes). */
  outputConnected: boolean;
  failures: RecordFailure[];
  response?: FixedResponse;
  message?: string;
}

/** A run as the System Console lists it. */
export interface RunRecord {
  environmentId: number;
  id: string;
  projectId: number;
  project: string;
  flowId: number;
  flow: string;
  flowVersion: number;
  trigger: TriggerKind;
  user: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number | null;
  status: RunStatus;
  message: string | null;
  messages: RunMessage[];
}
