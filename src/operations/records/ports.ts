import type { StartRequest, StartResult } from "../../domain/durable-run";
import type { FlowState } from "../../domain/flow-address";
import type { Json } from "../../domain/json";
import type { QueuePlace, RecordState, RecordStatus, RecordStep, RecordTelling } from "../../domain/record";
import type { TriggerKind } from "../../domain/run";

/** What a new record is stored as. */
export interface NewRecord {
  uuid: string;
  runId: string;
  /** The document, as JSON. */
  data: string;
  /** Values of mapped fields. */
  fields: readonly (readonly [field: string, value: string])[];
}

/** What records that are stored together share. */
export interface NewRecords {
  environmentId: number;
  flowId: number;
  flowVersion: number;
  status: RecordStatus;
  dueAt: number;
  at: number;
  by: string;
  trigger: TriggerKind;
  records: readonly NewRecord[];
}

export type InsertResult =
  /** With the flow's state, as it was in that very moment. */
  | { kind: "stored"; flowState: FlowState }
  /** These identifiers are taken; nothing was stored. */
  | { kind: "taken"; uuids: string[] }
  /** The flow takes no new work; nothing was stored. */
  | { kind: "inactive" };

/** A record as its row tells it, without its data. */
export interface RecordRow extends RecordState {
  id: number;
  uuid: string;
  flowId: number;
  flow: string;
  flowVersion: number;
  dueAt: number | null;
  runId: string;
  resumeOf: string | null;
  resumeAt: string | null;
  numRuns: number;
  createdAt: number;
  modifiedAt: number;
  startedAt: number | null;
  lastRunAt: number | null;
  nextRunAt: number | null;
  stepType: string | null;
  step: string | null;
  message: string | null;
  by: string;
  trigger: TriggerKind;
}

export interface RecordWithData extends RecordRow {
  data: Json;
  steps: RecordStep[];
}

/** A change of a record that is not being processed. `runId` is the present one: it is left alone when it has another by now. */
export interface RecordChange {
  uuid: string;
  runId: string;
  newRunId: string;
  status: RecordStatus;
  queue: QueuePlace;
  dueAt: number | null;
  resumeOf: string | null;
  resumeAt: string | null;
  /** The flow that it moves to. */
  flow?: { id: number; version: number } | undefined;
  /** New data, as JSON, with the values of mapped fields. */
  data?: { text: string; fields: readonly (readonly [field: string, value: string])[] } | undefined;
}

/** A search; all that is given must hold. */
export interface RecordFilter {
  uuid?: string | undefined;
  flowId?: number | undefined;
  status?: RecordStatus | undefined;
  field?: { name: string; value: string } | undefined;
  date?:
    | { of: "created" | "started" | "lastRun"; from: number | undefined; to: number | undefined }
    | undefined;
}

export interface RecordPage {
  /** With the value of the mapped field that was searched for. */
  records: RecordRow[];
  total: number;
  /** Whether there are exactly `total`, not more. */
  exact: boolean;
  /** Cursor of the next page. */
  next: string | null;
}

/** A mapped field by its key, and how far it has been filled in for the records that were there before. */
export interface FieldFill {
  key: string;
  /** `gone`: its values are being removed. */
  upTo: number | null | "gone";
}

/** Records in the database. Everything is of one environment. */
export interface RecordStore {
  insert(records: NewRecords): Promise<InsertResult>;
  find(environmentId: number, uuid: string): Promise<RecordWithData | undefined>;
  /** Rows of the identifiers that there are. */
  rows(environmentId: number, uuids: readonly string[]): Promise<RecordRow[]>;
  search(
    environmentId: number,
    filter: RecordFilter,
    page: { limit: number; offset: number; cursor: string | undefined },
  ): Promise<RecordPage>;
  /** @returns the identifiers whose records were changed */
  change(environmentId: number, changes: readonly RecordChange[], at: number): Promise<Set<string>>;
  /** @returns whether it was there, with that run, and not being processed */
  remove(environmentId: number, uuid: string, runId: string): Promise<boolean>;
  /** Takes what runs tell; at least once, in any order. */
  tell(tellings: readonly RecordTelling[]): Promise<void>;
  /**
   * Records that should have begun, of flows that take work, the earliest first; those that were changed in the last
   * moment are left to who changed them.
   */
  due(environmentId: number, now: number, changedBefore: number, limit: number): Promise<DueRecord[]>;
  /** The given ones of those that wait, with their data. */
  waiting(environmentId: number, uuids: readonly string[]): Promise<DueRecord[]>;
  /** When the next record of a running flow should begin, if any; whether there are others, whose flows take no work now. */
  nextDue(environmentId: number): Promise<{ due: number | undefined; blocked: boolean }>;
  /** Gives waiting records another run: theirs was withdrawn. */
  renew(
    environmentId: number,
    runs: readonly { uuid: string; runId: string; newRunId: string }[],
  ): Promise<void>;
  fills(environmentId: number): Promise<FieldFill[]>;
  /** Begins to fill in fields, newest records first, and to remove the values of those that there are no longer. */
  beginFills(environmentId: number, keys: readonly string[], gone: readonly string[]): Promise<void>;
  /** A page of older records for a field, the newest first. */
  toFill(
    environmentId: number,
    upTo: number,
    limit: number,
  ): Promise<{ id: number; projectId: number; createdAt: number; data: Json }[]>;
  fill(
    environmentId: number,
    key: string,
    upTo: number | null,
    values: readonly { id: number; createdAt: number; value: string }[],
  ): Promise<void>;
  /** Removes some values of a field that is gone. @returns whether none is left */
  forgetField(environmentId: number, key: string, limit: number): Promise<boolean>;
}

/** A record that should begin. */
export interface DueRecord {
  uuid: string;
  flowId: number;
  flowVersion: number;
  runId: string;
  resumeOf: string | null;
  resumeAt: string | null;
  numRuns: number;
  by: string;
  trigger: TriggerKind;
  /** The document, as JSON. */
  data: string;
}

/** A start that a shard takes with others. */
export interface RecordStart {
  request: StartRequest;
  /** The run that it continues at a node: what was finished before that is kept. */
  resume?: { of: string; at: string } | undefined;
}

export type RecordStartResult =
  | StartResult["kind"]
  /** The run that should be continued is no longer kept, or has no such node. */
  | "forgotten";

/** What shards do for records. A shard that cannot be reached throws. */
export interface RecordRuns {
  /** A new run's id; the same record leads to the same shard. */
  newRunId(environmentId: number, uuid: string, startedAt: number): string;
  /** Starts many runs, a call for each shard. @returns results by run id; those of shards that did not answer are missing */
  start(environmentId: number, starts: readonly RecordStart[]): Promise<Map<string, RecordStartResult>>;
  /** Withdraws runs that have not begun. @returns the ids of those that have, and go on */
  withdraw(environmentId: number, runIds: readonly string[]): Promise<Set<string>>;
  /** What runs would tell their records now; nothing of those that no shard knows. */
  tellings(environmentId: number, runIds: readonly string[]): Promise<RecordTelling[]>;
  /** Makes sure that what waits will be begun, whatever happens to this process; by `dueAt`, when it is to be in time. */
  watch(environmentId: number, dueAt?: number): Promise<void>;
  /** Has the waiting records looked for at once. */
  sweepNow(environmentId: number): Promise<void>;
}

/** The data schema of an environment. */
export interface StoredSchema {
  /** Name of the organization. */
  customer: string;
  schema: Json;
  dataRecord: Json;
  url: string;
  createdAt: number;
  modifiedAt: number;
}

export interface RecordSchemas {
  /** What is stored, not a copy. */
  find(environmentId: number): Promise<StoredSchema | undefined>;
  /** @returns whether there was none before */
  insert(
    environment: { id: number; organizationId: number },
    schema: Omit<StoredSchema, "customer">,
  ): Promise<boolean>;
  /** @returns when it was created; `undefined` when there is none */
  update(
    environmentId: number,
    schema: Omit<StoredSchema, "createdAt" | "customer">,
  ): Promise<number | undefined>;
  remove(environmentId: number): Promise<boolean>;
}
