import type { Json } from "../domain/json";
import type { RunMessage } from "../domain/run";
import type { CallbackPort } from "./callback-port";
import type { Emission } from "./emission";
import type { KeystorePort } from "./keystore-port";
import type { MaybePromise } from "./maybe-promise";
import type { OutgoingPort } from "./outgoing-port";
import type { Plan } from "./plan";
import type { Secrets } from "./secret-port";
import type { TablePort } from "./table-port";

/** What nodes reach outside a run: the same for every host. */
export interface HostServices {
  outgoing: OutgoingPort;
  tables: TablePort;
  keystores: KeystorePort;
  secrets: Secrets;
}

/**
 * What a run needs from the world. Two hosts implement it: the light one, in the isolate that took the request, and
 * the durable one, in a run shard. The executor is the same for both.
 */
export interface Host {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * A number in [0, 1) for an expression of the node at path `node`, on record `record`. A durable run gets the same
   * numbers again when the node runs again.
   */
  random(node: string | undefined, record: number | undefined): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `due` after `ms` milliseconds, unless what it gives back is called before. */
  timer(ms: number, due: () => void): () => void;
  /**
   * Lets `ms` milliseconds pass at the step `step`. The light host sleeps; a durable one writes down when the time is
   * over and throws `RunSuspended`, so that the run holds no memory meanwhile; taken up again, it comes back at once.
   */
  delay(step: string, ms: number, signal: AbortSignal): MaybePromise<void>;
  /** The longest delay of a run of this host, in milliseconds. */
  readonly longestDelayMs: number;
  /** The plan of the current version of a flow of the caller's project; `undefined` when there is none any more. */
  flow(caller: Plan, name: string): MaybePromise<Plan | undefined>;
  /** Tells the operators of an error that is a bug; a caller never sees its text. */
  report(error: unknown, about: { runId: string; node?: string }): void;
  /**
   * Where finished steps are kept, so that a run goes on after a crash at its first unfinished one. The light host has
   * none: a run in memory has nothing to come back to.
   */
  readonly steps?: StepStore;
  /** Absent where runs live in memory: nobody could wait for such a one. */
  readonly callbacks?: CallbackPort;
  readonly services: HostServices;
}

/** Finished steps of one run, by node path (`price`, `each[3]/price`, `quote>price` in a called flow). */
export interface StepStore {
  /** What the node at `path` emitted before, or `undefined` when it has not finished. */
  read(path: string): MaybePromise<Emission | undefined>;
  /** Stores a finished step and what it said in the run's console; resolves before anything after it begins. */
  write(path: string, emission: Emission, messages: readonly RunMessage[]): MaybePromise<void>;
  /** What an effect of the unfinished step at `path` answered before; `undefined` when it has not. */
  readEffect(path: string, key: string): MaybePromise<Json | undefined>;
  /** Stores what an effect answered; resolves before anything after it begins. */
  writeEffect(path: string, key: string, answer: Json): MaybePromise<void>;
}
