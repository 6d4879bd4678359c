import type { CopyAction, EnvironmentStatus, PackageCode } from "./environment-life";

/** Milliseconds that each of an environment's passing states is shown for at the least, so that it can be seen. */
export const STATE_SHOWN_MS = 300;

/**
 * Milliseconds after which a deleted environment is looked for remains once more: copies at the edge that lead to it have
 * aged away then (a minute), and what was on its way to the history has come or was given up.
 */
export const SWEEP_AFTER_MS = 180_000;

/** One set of data that a project brings along. */
export interface CopyItem {
  kind: "table" | "keystore" | "website" | "files" | "schema";
  /** Of the table, keystore or website; empty for the others. */
  name: string;
  action: CopyAction;
}

/** What an environment in a passing state is becoming. */
export type PendingChange =
  | { kind: "create" }
  | { kind: "package"; package: PackageCode }
  | { kind: "storage"; gigabytes: number }
  | { kind: "version"; version: string }
  /** `after`: the last inbox that was asked to forget deleted projects, where there are more. */
  | { kind: "optimize"; after?: string }
  | { kind: "delete" }
  /** Of a deleted environment: to look once more, at that moment, for what came late. */
  | { kind: "sweep"; at: number }
  | { kind: "shown"; next: EnvironmentStatus }
  | {
      kind: "transfer";
      /** The project's rows in both environments. */
      from: { environmentId: number; projectId: number };
      to: { environmentId: number; projectId: number };
      items: CopyItem[];
      /** How many of them are copied; the next is taken up again after a crash, and copying twice is copying once. */
      done: number;
      /** What could not be copied, and why. */
      failed: { item: string; reason: string }[];
    };

/** Changes that may fail for good: what they lead to is missed by someone. */
export type FailableChange = Exclude<PendingChange, { kind: "shown" | "sweep" }>;

/** The state in which each of them is carried out. */
export const CHANGE_STATES: Readonly<Record<FailableChange["kind"], EnvironmentStatus>> = {
  create: "creating",
  package: "upgrading",
  storage: "upgrading",
  version: "upgrading",
  optimize: "upgrading",
  transfer: "updating",
  delete: "deleting",
};

export function isFailable(change: PendingChange): change is FailableChange {
  return Object.hasOwn(CHANGE_STATES, change.kind);
}

/** Why an environment is in error: the change that could not be carried out. */
export interface ChangeFailure {
  change: FailableChange;
  /** For whoever asks: what it met, without what only operators may see. */
  reason: string;
  /** Milliseconds since 1970. */
  at: number;
}
