/*
 * Data records (seed, Data Record): documents that travel through a flow. What a record is at is two things: its status,
 * which the seed numbers, and its place in the queue.
 */

/** Milliseconds between two looks for waiting records, in an environment that records come to. */
export const SWEEP_MS = 5_000;

/** The seed's numbers. */
export const RECORD_STATUS = {
  new: 0,
  processing: 1,
  finished: 2,
  failed: 3,
  scheduled: 4,
  reviewed: 5,
  handled: 6,
} as const;
export type RecordStatus = (typeof RECORD_STATUS)[keyof typeof RECORD_STATUS];

/**
 * `waiting`: for its time, for its flow, or for a shard to take it; `held`: paused by name; `taken`: a shard has it;
 * `none`: it is not in the queue.
 */
export const QUEUE_PLACES = ["waiting", "held", "taken", "none"] as const;
export type QueuePlace = (typeof QUEUE_PLACES)[number];

export interface RecordState {
  status: RecordStatus;
  queue: QueuePlace;
}

const STATUS_NAMES: Record<RecordStatus, string> = {
  0: "New",
  1: "Processing",
  2: "Finished",
  3: "Finished with errors",
  4: "Scheduled",
  5: "Reviewed",
  6: "Errors handled",
};

/** A status in words, as `flow_status_name` and `queue_status_key` show it. */
export function statusName({ status, queue }: RecordState): string {
  if (status !== RECORD_STATUS.new) return STATUS_NAMES[status];
  if (queue === "held") return "Paused";
  return queue === "none" ? "Not in queue" : "New";
}

/** A status in the words of the seed's `info.status`. */
export function runningName(state: RecordState): string {
  if (state.status === RECORD_STATUS.new) return state.queue === "held" ? "Paused" : "Not running";
  return state.status === RECORD_STATUS.processing ? "Running" : STATUS_NAMES[state.status];
}

/** What may be done with records in the queue: the seed's five, and two by which people say that they have seen an error. */
export const QUEUE_ACTIONS = [
  "pause-queue",
  "resume-queue",
  "execute-queue",
  "delete-from-queue",
  "resume-and-continue",
  "mark-reviewed",
  "mark-errors-handled",
] as const;
export type QueueAction = (typeof QUEUE_ACTIONS)[number];

const FAILED: readonly RecordStatus[] = [RECORD_STATUS.failed, RECORD_STATUS.reviewed, RECORD_STATUS.handled];

/** What an action makes of a record. */
export interface QueueStep extends RecordState {
  /** When it should begin: at its own time, at once, or never. */
  due: "kept" | "now" | "never";
  /** The run that it gets: a new one that continues the last at the step that failed; a new one; the present one. */
  run: "continued" | "new" | "same";
}

/**
 * The state that an action leads to.
 * @param due when a record that is held or waits should begin; `null` for none
 * @returns why the action is not possible
 */
export function queueStep(
  action: QueueAction,
  { status, queue }: RecordState,
  due: number | null,
  now: number,
): QueueStep | string {
  const inQueue = queue === "waiting" || queue === "held";
  const failed = queue === "none" && FAILED.includes(status);
  const resting = due !== null && due > now ? RECORD_STATUS.scheduled : RECORD_STATUS.new;
  if (queue === "taken") return "it is being processed";
  switch (action) {
    case "pause-queue":
      return inQueue
        ? { status: RECORD_STATUS.new, queue: "held", due: "kept", run: "new" }
        : "it is not in the queue";
    case "resume-queue":
      return inQueue
        ? { status: resting, queue: "waiting", due: "kept", run: "new" }
        : "it is not paused in the queue";
    case "execute-queue":
      return inQueue || failed || status === RECORD_STATUS.new
        ? { status: RECORD_STATUS.new, queue: "waiting", due: "now", run: "new" }
        : "it has finished; move it to a flow to run it again";
    case "delete-from-queue":
      return inQueue
        ? { status: RECORD_STATUS.new, queue: "none", due: "never", run: "new" }
        : "it is not in the queue";
    case "resume-and-continue":
      return failed
        ? { status: RECORD_STATUS.new, queue: "waiting", due: "now", run: "continued" }
        : "it has not finished with errors";
    case "mark-reviewed":
      return failed
        ? { status: RECORD_STATUS.reviewed, queue: "none", due: "never", run: "same" }
        : "it has not finished with errors";
    case "mark-errors-handled":
      return failed
        ? { status: RECORD_STATUS.handled, queue: "none", due: "never", run: "same" }
        : "it has not finished with errors";
  }
}

/** A node that a record went through, or is at. */
export interface RecordStep {
  node: string;
  type: string;
  status: "finished" | "error" | "processing" | "waiting";
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number | null;
}

/** What the run of a record tells its row. Each telling has a number, and a later one is never undone by an earlier. */
export interface RecordTelling {
  environmentId: number;
  uuid: string;
  runId: string;
  rev: number;
  status: RecordStatus;
  queue: QueuePlace;
  flowVersion: number;
  /** How many times the record has run, with this one; `undefined` while it has not begun. */
  run: number | undefined;
  /** When this run began. */
  begunAt: number | null;
  /** When it goes on, if it waits. */
  nextRunAt: number | null;
  stepType: string | null;
  step: string | null;
  /** Why it failed. */
  message: string | null;
  /** Every node that it went through; only when it has ended. */
  steps: RecordStep[] | undefined;
}

const UUID = /^[\p{L}\p{N}][\p{L}\p{N}._:@+~-]*$/u;
/** Names under `/v1/record/` that are no record. */
const RESERVED_UUIDS = ["search", "movetoflow", "changestatus"];

/** Why a text cannot be a record's identifier; nothing when it can. The customer's own need be no RFC 9562 UUID. */
export function uuidFault(text: string, maxChars: number): string | undefined {
  if (text.length > maxChars) return `has at most ${maxChars} characters`;
  if (!UUID.test(text)) return "begins with a letter or digit and has only letters, digits and . _ : @ + ~ -";
  if (RESERVED_UUIDS.includes(text.toLowerCase())) return "is a name of this API";
  return undefined;
}
