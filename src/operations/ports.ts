import type {
  CallbackAnswer,
  CallbackView,
  RecordResult,
  RerunResult,
  StartRequest,
  StartResult,
  ViewResult,
  WithdrawResult,
} from "../domain/durable-run";
import type { Environment } from "../domain/environment";
import type {
  AcquireAnswer,
  AcquireRequest,
  GroupAddress,
  ReleaseAnswer,
  RenewAnswer,
  SharedAnswer,
  Undecided,
} from "../domain/exclusion-group";
import type {
  FlowAddress,
  FlowLookup,
  FlowPointer,
  FlowState,
  Resolution,
  StoredVersion,
  Workflow,
} from "../domain/flow-address";
import type { Resource, ResourceDefinition, ResourceKind } from "../domain/resource";
import type { RunMessage, RunRecord, RunStatus } from "../domain/run";
import type { ScheduleView } from "../domain/schedule";
import type { Loss, TableChange } from "../domain/table-change";
import type { MaybePromise } from "../engine/maybe-promise";
import type { Plan } from "../engine/plan";

/** For how long what was looked up for a host may be used without looking again, in milliseconds since 1970. */
export interface Trust {
  /** While this is the catalog's. */
  generation: object;
  from: number;
  /** Not itself any more. */
  until: number;
}

/** What names stand for, and the plans behind them. Warm answers come at once, without a promise. */
export interface Catalog {
  /** Another object as soon as anything is known here to have changed or was forgotten: findings of before are let go then. */
  readonly generation: object;
  /** For how long what was just looked up for a host may be used; `undefined` when that is not known. */
  trust(host: string, environment: Environment): Trust | undefined;
  /** The environment whose host name this is, else the default one. */
  environment(host: string): MaybePromise<Environment>;
  resolve(environment: Environment, address: FlowAddress): MaybePromise<Resolution>;
  /** The current version of a flow of a project, whether it has an endpoint or not. */
  flow(environmentId: number, projectId: number, name: string): MaybePromise<FlowPointer | undefined>;
  /** A flow of the environment by its name, whichever project has it, or by its id. */
  flowNamed(environmentId: number, nameOrId: string): MaybePromise<FlowLookup>;
  plan(pointer: FlowPointer): MaybePromise<Plan>;
  /** A flow of the environment by its id: its current version, or its draft where `draft` is set and there is one. */
  flowById(environmentId: number, flowId: number, draft?: boolean): MaybePromise<FlowPointer | undefined>;
  /** Flows that are registered for an event: in their current versions, or in drafts where there are any. */
  workflows(environmentId: number, event: string, draft: boolean): MaybePromise<readonly Workflow[]>;
  /** A resource whose name is unique in the environment. */
  resource<K extends ResourceKind>(
    environmentId: number,
    kind: K,
    name: string,
  ): MaybePromise<Resource<K> | undefined>;
  /** Every resource of a kind in the environment, by name. */
  resources<K extends ResourceKind>(environmentId: number, kind: K): MaybePromise<readonly Resource<K>[]>;
  /** Tells that publications moved the environment to `epoch`: this isolate forgets what it knew, others within a second. */
  advance(environmentId: number, epoch: number): Promise<void>;
}

/** Which targets the deployment lets flows call. */
export interface CallTargets {
  /** Why a URL may not be called, as far as its text tells; names are looked up when it is called. */
  refusal(url: URL): string | undefined;
}

/** Where ended runs go. */
export interface RunHistory {
  /** Takes a run to be written soon, after the answer. */
  record(run: RunRecord): void;
  /** Resolves when the run is stored. */
  store(run: RunRecord): Promise<void>;
}

export interface RunFilter {
  project?: string | undefined;
  flow?: string | undefined;
  status?: RunStatus | undefined;
  trigger?: string | undefined;
  user?: string | undefined;
  /** Milliseconds since 1970; runs that started at or after. */
  from?: number | undefined;
  /** Milliseconds since 1970; runs that started before. */
  to?: number | undefined;
}

export type RunSummary = Omit<RunRecord, "messages"> & { messageCount: number };

export interface RunLog {
  /** Newest first. `after` is the id of the last run of the page before. */
  list(
    environmentId: number,
    filter: RunFilter,
    limit: number,
    after: string | undefined,
  ): Promise<RunSummary[]>;
  find(environmentId: number, id: string): Promise<RunRecord | undefined>;
}

export interface ProjectSummary {
  id: number;
  name: string;
  description: string | null;
  version: number;
  flows: number;
  updatedAt: number;
}

export interface StoredFlow {
  id: number;
  name: string;
  status: FlowState;
  currentVersion: number | null;
  draftVersion: number | null;
  lastVersion: number;
  retiredAt: number | null;
  updatedAt: number;
  /** Hash of the current version, and of the draft. */
  currentHash: string | null;
  draftHash: string | null;
}

export interface StoredProject {
  id: number;
  name: string;
  description: string | null;
  version: number;
  updatedAt: number;
  /** Taken out of its environment: to all but applying it again it is not there. */
  removed?: boolean;
  /** The bundle without its flows. */
  document: Record<string, unknown>;
}

export interface FlowVersionSummary {
  version: number;
  state: "draft" | "published";
  current: boolean;
  hash: string;
  createdBy: string;
  createdAt: number;
  publishedAt: number | null;
}

/** A flow whose definition is new or changed. */
export interface FlowChange {
  name: string;
  hash: string;
  /** `StoredVersion` as JSON. */
  stored: string;
  alias: string | null;
  hasEndpoint: boolean;
}

/** A resource that is new or changed. */
export interface ResourceChange {
  kind: ResourceKind;
  name: string;
  /** 0 where names are unique in the environment; `undefined` where they are unique in the project. */
  scope: 0 | undefined;
  hash: string;
  /** With defaults filled in, as JSON; and as it was written. */
  definition: string;
  source: string;
}

/** A resource as the project has it. */
export interface StoredResource {
  id: number;
  kind: ResourceKind;
  name: string;
  hash: string;
  definition: ResourceDefinition;
  source: unknown;
}

export interface ProjectChange {
  environmentId: number;
  name: string;
  description: string | null;
  /** The project's version that the change was computed from; 0 for a new one. */
  from: number;
  document: string;
  summary: string;
  publish: boolean;
  by: string;
  at: number;
  flows: FlowChange[];
  /** Flows to make current again at their present draft or version, by name, without a new version. */
  republish: { name: string; version: number; alias: string | null; hasEndpoint: boolean }[];
  retired: string[];
  resources: ResourceChange[];
  removedResources: { kind: ResourceKind; name: string }[];
  /** Further SQL of the same transaction: what tables need to become what they are declared to be. */
  statements: string[];
}

export type ApplyOutcome =
  | { kind: "applied"; version: number; epoch: number }
  | { kind: "moved" }
  | { kind: "alias_taken" }
  | { kind: "resource_taken" }
  /** Rows that came meanwhile repeat a value of a column that becomes unique. */
  | { kind: "values_repeated"; columns: string[] };

/** The database's own tables behind the declared ones. */
export interface TableSchemas {
  /** SQL that makes a table what it is declared to be. */
  statements(environmentId: number, table: string, changes: readonly TableChange[]): string[];
  /** What rows that are there would lose by it: values that do not fit a new type, repeated ones of a new unique index. */
  losses(environmentId: number, table: string, changes: readonly TableChange[]): Promise<Loss[]>;
}

/** Projects, flows and versions: the truth behind the catalogue. */
export interface Projects {
  list(environmentId: number, limit: number, after: string | undefined): Promise<ProjectSummary[]>;
  find(environmentId: number, name: string): Promise<StoredProject | undefined>;
  flows(environmentId: number, projectId: number): Promise<StoredFlow[]>;
  flow(environmentId: number, projectId: number, name: string): Promise<StoredFlow | undefined>;
  /** A flow that is not retired, by its id, with the name of its project. */
  flowById(environmentId: number, flowId: number): Promise<(StoredFlow & { project: string }) | undefined>;
  /** Definitions of all flows of a project that are not retired: current ones, or drafts where `drafts` is set and one exists. */
  definitions(environmentId: number, projectId: number, drafts: boolean): Promise<StoredVersion[]>;
  definition(environmentId: number, flowId: number, version: number): Promise<StoredVersion | undefined>;
  /** Every resource of a project, by kind and name. */
  resources(environmentId: number, projectId: number): Promise<StoredResource[]>;
  /** Those of the given resources that other projects of the environment have. */
  resourcesElsewhere(
    environmentId: number,
    project: string,
    wanted: readonly { kind: ResourceKind; name: string }[],
  ): Promise<{ kind: ResourceKind; name: string; project: string }[]>;
  versions(
    environmentId: number,
    flowId: number,
    limit: number,
    before: number | undefined,
  ): Promise<FlowVersionSummary[]>;
  /** Aliases among the given ones that other projects of the environment use. */
  aliasesElsewhere(
    environmentId: number,
    project: string,
    aliases: string[],
  ): Promise<{ alias: string; project: string; flow: string }[]>;
  /**
   * Stores a change, all or nothing. `moved` when the project is no longer at the version it was computed from;
   * `alias_taken` or `resource_taken` when another project took one of its names meanwhile.
   */
  apply(change: ProjectChange): Promise<ApplyOutcome>;
  setStatus(environmentId: number, flowId: number, status: FlowState, at: number): Promise<{ epoch: number }>;
}

/** Durable runs, by process id. A shard that cannot be reached throws. */
export interface RunShards {
  /** An id for a run; the same key leads to the same shard. */
  newRunId(startedAt: number, key: string | undefined): string;
  start(request: StartRequest, waitMs: number): Promise<StartResult>;
  /**
   * Starts many runs, a call for each shard. Never throws.
   * @returns answers by run id; those of shards that did not answer are missing, and may have been accepted or not
   */
  startMany(requests: readonly StartRequest[]): Promise<ReadonlyMap<string, StartResult["kind"]>>;
  poll(environmentId: number, id: string, waitMs: number): Promise<ViewResult>;
  read(environmentId: number, id: string): Promise<RecordResult>;
  /** Runs that the history does not list yet, those of each shard newest first, up to `limit` of each. */
  list(
    environmentId: number,
    filter: RunFilter,
    limit: number,
    after: string | undefined,
  ): Promise<RunSummary[]>;
  withdraw(environmentId: number, id: string): Promise<WithdrawResult>;
  cancel(environmentId: number, id: string): Promise<ViewResult>;
  /** `startedAt` is the new run's. */
  rerun(environmentId: number, id: string, startedAt: number, from: string | undefined): Promise<RerunResult>;
  note(environmentId: number, id: string, messages: readonly RunMessage[]): Promise<void>;
  /** How the callback of a step stands. */
  callback(environmentId: number, id: string, step: string): Promise<CallbackView>;
  /** Takes a callback in; resolves when it is on disk. `call` is JSON. */
  answerCallback(environmentId: number, id: string, step: string, call: string): Promise<CallbackAnswer>;
}

/** Those who carry schedules out, one for each environment. */
export interface Schedulers {
  /** A publication is about to be made: look by yourself soon, should no word of it come. */
  expect(environmentId: number): Promise<void>;
  /** A publication was made. Never throws. */
  reconcile(environmentId: number): Promise<void>;
  /** Every schedule of the environment, by project and flow. */
  list(environmentId: number): Promise<ScheduleView[]>;
}

/** Clock and ids, so that tests decide them. */
export interface World {
  now(): number;
  newRunId(startedAt: number): string;
  random(): number;
}

/**
 * Exclusion groups: who may go in, and who waits. Every method is safe to repeat with the same run id, and none throws:
 * a group that cannot be asked has decided nothing.
 *
 * Who holds a permit renews it every `RENEW_MS`, and has no effect any more once `LEASE_MS - LEASE_MARGIN_MS` have passed
 * since it *sent* the last request that was answered with `granted` or `held`. A run that waits asks again: at once when
 * it waited inside the call (`waitMs`), else at the latest before `keepMs` are over.
 */
export interface ExclusionGroups {
  /** @param signal aborted when nobody waits for the answer any more: what was not asked yet, then never is */
  acquire(
    group: GroupAddress,
    request: AcquireRequest,
    signal?: AbortSignal,
  ): Promise<AcquireAnswer | Undecided>;
  renew(group: GroupAddress, runId: string): Promise<RenewAnswer | Undecided>;
  /** Gives back a permit or a place. `answer` is for those who attached to the run. */
  release(group: GroupAddress, runId: string, answer?: SharedAnswer): Promise<ReleaseAnswer | Undecided>;
  /** Releases after the answer to the caller, for what nobody waits for: a permit that may or may not have been granted. */
  abandon(group: GroupAddress, runId: string): void;
}
