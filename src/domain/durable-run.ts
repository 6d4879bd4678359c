import type { Holder, RunExclusion } from "./exclusion-group";
import type { FlowPointer } from "./flow-address";
import type { JsonObject } from "./json";
import type { RunMessage, RunOutcome, RunRecord, RunStatus, TriggerKind } from "./run";

/*
 * What travels between callers and run shards. Results, not exceptions: an error's class does not survive the hop, and
 * "could not decide" must never look like "refused". Only our own Worker can call a shard, so nothing is parsed again.
 */

/** The request behind a run, as it is kept: enough to offer every field of `input` again. Credentials are not in it. */
export interface StoredInput {
  method: string;
  /** Complete, with the query. */
  url: string;
  headers: [string, string][];
  contentType: string;
  client: string;
  body: string;
  /** The parts of a multipart body, which its text does not give again. */
  form?: JsonObject | undefined;
  /** It was taken whatever its body is, so its content type promises nothing. */
  loose?: boolean | undefined;
}

export interface IdempotencyMark {
  /** Whose key it is and for what, as a hash: endpoint, user and key. */
  key: string;
  /** Hash of the request, to tell the same one from another. */
  fingerprint: string;
}

export interface StartRequest {
  id: string;
  /** The version that the run begins with, and ends with. */
  pointer: FlowPointer;
  trigger: TriggerKind;
  user: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Milliseconds since 1970 at which the run is aborted as `Timeout`. */
  deadline: number;
  /** Nodes of the flow, times the records that travel one by one: what progress is told of. */
  nodes: number;
  input: StoredInput;
  /** What enters the flow: the request's attributes (the default), or its JSON body. */
  item?: "input" | "body" | undefined;
  /** What was said of the run before it began. */
  messages: RunMessage[];
  /** The data record that the run executes, and how many times it has run, this one counted; its row is told how it goes. */
  record?: { uuid: string; run: number } | undefined;
  idempotency?: IdempotencyMark | undefined;
  /** The group that the run takes before it is accepted, and holds until it has ended. */
  exclusion?: RunExclusion | undefined;
}

/** How far a run has come. */
export interface Progress {
  /** Nodes of the flow that have finished; one that was not needed never does. */
  done: number;
  of: number;
  /** Path of the node that executes or waits. */
  current: string | null;
}

/** A callback that a run waits for. */
export interface PendingCallback {
  /** Path of the node that waits. */
  step: string;
  url: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  about: string | null;
  /** Whether whoever may poll the run sees the URL. */
  reveal: boolean;
}

/** A durable run, as its shard knows it. */
export interface RunView extends Omit<RunRecord, "messages"> {
  progress: Progress;
  /** When a waiting run goes on, in milliseconds since 1970. */
  nextWakeAt: number | null;
  /** What it waits to be called for; absent when it does not. */
  callbacks?: PendingCallback[];
  /** How it ended; absent while it has not. */
  outcome?: RunOutcome;
}

export type StartResult =
  /** `replayed`: the key named a run that was there already. */
  | { kind: "accepted"; view: RunView; replayed: boolean }
  /** The key was used for another request. */
  | { kind: "key_reused" }
  /** A value is larger than a shard stores. */
  | { kind: "too_large" }
  /** The caller withdrew the run before it came. */
  | { kind: "withdrawn" }
  /** Its exclusion group is taken. */
  | { kind: "busy"; holder: Holder; place: number; retryAfter: number }
  /** Its exclusion group is taken by a run whose result it shares. */
  | { kind: "following"; runId: string }
  /** Its exclusion group could not be asked. */
  | { kind: "undecided" };

/** The same of a run whose end nobody waits for, in few words: a busy shard tells it often. */
export type StartedRun =
  /** Accepted; it stands as `acceptedView` says. */
  | { kind: "new" }
  /** It was there already, under this id. */
  | { kind: "known"; id: string }
  | Exclude<StartResult, { kind: "accepted" }>;

export type ViewResult = { kind: "found"; view: RunView } | { kind: "missing" };

/** How a step stands with its callback. */
export type CallbackResult =
  /** It can be called; `due` is null as long as the run has not come there. */
  | { kind: "open"; due: number | null; about: string | null }
  | { kind: "used"; at: number }
  /** Its time was over before anyone called. */
  | { kind: "expired"; at: number };

/** What whoever has a callback's URL may know of the run. */
export interface CallbackRun {
  project: string;
  flow: string;
  user: string;
  startedAt: number;
}

export type CallbackView =
  | { kind: "found"; run: CallbackRun; standing: CallbackResult }
  /** The run has ended, or was forgotten. */
  | { kind: "over" };

export type CallbackAnswer =
  /** This call was the first, and counts. */
  { kind: "taken" } | Exclude<CallbackResult, { kind: "open" }> | { kind: "over" } | { kind: "too_large" };

export type WithdrawResult =
  /** It does not run, and will not. */
  | { kind: "withdrawn" }
  /** Too late: it was accepted, and has begun. */
  | { kind: "begun"; view: RunView };

export type RerunResult =
  | { kind: "accepted"; view: RunView }
  | { kind: "missing" }
  /** It has not ended yet. */
  | { kind: "running"; status: RunStatus }
  | { kind: "unknown_node"; nodes: string[] };

export type RecordResult =
  | {
      kind: "found";
      run: RunRecord;
      progress: Progress;
      nextWakeAt: number | null;
      callbacks?: PendingCallback[];
    }
  | { kind: "missing" };

/** How a run stands that was accepted just now, and has not begun. */
export function acceptedView({ id, pointer, trigger, user, startedAt, nodes }: StartRequest): RunView {
  const { environmentId, projectId, project, flowId, flow, version } = pointer;
  return {
    environmentId,
    id,
    projectId,
    project,
    flowId,
    flow,
    flowVersion: version,
    trigger,
    user,
    startedAt,
    endedAt: null,
    status: "Queued",
    message: null,
    progress: { done: 0, of: nodes, current: null },
    nextWakeAt: null,
  };
}
