import { sleep, timer } from "../../adapters/sleep";
import type { FlowPointer } from "../../domain/flow-address";
import type { Json } from "../../domain/json";
import { MAX_DELAY_MS } from "../../domain/limits";
import { logError } from "../../domain/operator-log";
import type { RunMessage } from "../../domain/run";
import type { Emission } from "../../engine/emission";
import { RunInterrupted, RunStopped, RunSuspended } from "../../engine/errors";
import { after, isPromise, type MaybePromise } from "../../engine/maybe-promise";
import type { Plan } from "../../engine/plan";
import type { Host, HostServices, StepStore } from "../../engine/ports";
import type { Catalog } from "../../operations/ports";
import { EmissionCodec } from "../emission-codec";
import type { CallbackDesk } from "./callback-desk";
import type { Callbacks } from "./callbacks";
import { ValueTooLarge } from "./documents";
import { RunCallbacks } from "./run-callbacks";
import { SeededRandom } from "./seeded-random";
import type { StepRows } from "./step-rows";

/** Where and until when an execution waits. */
export interface Suspension {
  step: string;
  due: number;
}

export interface DurableHostOptions {
  run: string;
  environmentId: number;
  /** Origin of the call that started the run. */
  origin: string | undefined;
  /** How often the run has been taken up; kept with each step. */
  attempt: number;
  /** Whether anything of the run may be stored already. */
  resumed: boolean;
  steps: StepRows;
  catalog: Catalog;
  services: HostServices;
  callbacks: Callbacks;
  desk: CallbackDesk;
  /** Told after the first step or effect of this execution was written: the run got further. */
  advanced: () => void;
}

/**
 * Host of one execution of a run in a shard. Invariants:
 * 1. A step is in the table before anything after it begins, and all that one turn writes is one transaction. What a
 *    step sends outside waits for the steps before it to be on disk: the platform holds it back (output gate).
 * 2. What a finished step computed is read, never computed again. What an unfinished one saw of chance, of time and of
 *    called flows it sees again when it is repeated.
 * 3. A failure of the platform (a database that does not answer, a row that cannot be read) is no outcome of the flow:
 *    the execution unwinds, and is tried again later.
 */
export class DurableHost implements Host, StepStore {
  readonly steps: StepStore = this;
  readonly longestDelayMs = MAX_DELAY_MS;
  readonly services: HostServices;
  readonly callbacks: RunCallbacks;
  readonly #options: DurableHostOptions;
  readonly #codec: EmissionCodec;
  readonly #random: SeededRandom;
  readonly #finished: Set<string>;
  readonly #calls: Map<string, FlowPointer | null>;
  #suspension: Suspension | undefined;
  #halted: RunStopped | undefined;
  #advanced = false;
  #waited = false;

  constructor(options: DurableHostOptions) {
    const { run, resumed, steps } = options;
    this.#options = options;
    this.services = options.services;
    this.callbacks = new RunCallbacks({
      ...options,
      rows: options.callbacks,
      now: () => this.now(),
      suspend: (step, due) => {
        this.#check();
        return this.#suspend(step, due);
      },
    });
    this.#codec = new EmissionCodec((path) => steps.read(run, path));
    this.#random = new SeededRandom(run);
    this.#finished = resumed ? steps.paths(run) : new Set();
    this.#calls = resumed ? steps.calls(run) : new Map();
  }

  /** The earliest time at which the execution can go on, when it was suspended. */
  get suspension(): Suspension | undefined {
    return this.#suspension;
  }

  /** Whether it stored delays. */
  get waited(): boolean {
    return this.#waited;
  }

  /** Nothing more is stored: the run has ended otherwise. */
  halt(reason: RunStopped): void {
    this.#halted = reason;
  }

  now(): number {
    return Date.now();
  }

  random(node: string | undefined, record: number | undefined): number {
    return this.#random.next(`${record ?? ""}@${node ?? ""}`);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(ms, signal);
  }

  timer(ms: number, due: () => void): () => void {
    return timer(ms, due);
  }

  delay(step: string, ms: number): void {
    this.#check();
    const { run, steps } = this.#options;
    const now = this.now();
    let due = steps.delayedUntil(run, step);
    if (due === undefined) {
      due = now + ms;
      this.#waited = true;
      steps.delay(run, step, due);
    }
    if (due > now) this.#suspend(step, due);
  }

  #suspend(step: string, due: number): never {
    if (this.#suspension === undefined || due < this.#suspension.due) this.#suspension = { step, due };
    throw new RunSuspended(`step "${step}" waits`);
  }

  flow(caller: Plan, name: string): MaybePromise<Plan | undefined> {
    const { run, steps, catalog } = this.#options;
    const { environmentId, projectId } = caller.key;
    const plan = (pointer: FlowPointer | null) => (pointer === null ? undefined : catalog.plan(pointer));
    const resolved = (): MaybePromise<Plan | undefined> => {
      const known = this.#calls.get(name);
      if (known !== undefined) return plan(known);
      return after(catalog.flow(environmentId, projectId, name), (found) => {
        // Another call of this flow may have been the first, meanwhile.
        const pointer = this.#calls.get(name) ?? found ?? null;
        if (!this.#calls.has(name)) {
          this.#calls.set(name, pointer);
          steps.addCall(run, name, pointer);
        }
        return plan(pointer);
      });
    };
    try {
      const found = resolved();
      return isPromise(found) ? found.catch((error: unknown) => interrupted(error)) : found;
    } catch (error) {
      return interrupted(error);
    }
  }

  report(error: unknown, about: { runId: string; node?: string }): void {
    // Callers never see it.
    logError("unexpected error in a durable run", error, about);
  }

  read(path: string): Emission | undefined {
    if (!this.#finished.has(path)) return undefined;
    const { run, steps } = this.#options;
    const text = steps.read(run, path);
    if (text === undefined) throw new Error(`step "${path}" of run ${run} has lost its emission`);
    return this.#codec.decode(path, text);
  }

  write(path: string, emission: Emission, messages: readonly RunMessage[]): void {
    this.#check();
    const { run, steps, attempt } = this.#options;
    try {
      const text = this.#codec.encode(path, emission);
      steps.write(run, path, { at: this.now(), attempt, emission: text, messages });
    } catch (error) {
      if (!(error instanceof ValueTooLarge)) throw error;
      throw new RunStopped("limit", "value_too_large", `node "${path}": ${error.message}`);
    }
    this.#gotFurther();
  }

  #gotFurther(): void {
    if (this.#advanced) return;
    this.#advanced = true;
    this.#options.advanced();
  }

  readEffect(path: string, key: string): Json | undefined {
    this.#check();
    const { run, resumed, steps } = this.#options;
    // In a run that was never taken up again, nothing of an unfinished step can be there.
    if (!resumed) return undefined;
    const text = steps.readEffect(run, path, key);
    return text === undefined ? undefined : (JSON.parse(text) as Json);
  }

  async writeEffect(path: string, key: string, answer: Json): Promise<void> {
    this.#check();
    const { run, steps } = this.#options;
    try {
      steps.writeEffect(run, path, key, JSON.stringify(answer));
    } catch (error) {
      if (!(error instanceof ValueTooLarge)) throw error;
      throw new RunStopped("limit", "value_too_large", `node "${path}": ${error.message}`);
    }
    // A step of thousands of effects may take longer than a process lives.
    this.#gotFurther();
    // On disk before the next effect: what was done must not be forgotten, whatever that one does to the process.
    await steps.sync();
  }

  #check(): void {
    if (this.#halted !== undefined) throw this.#halted;
  }
}

/** The catalogue did not answer: no fault of the flow. */
function interrupted(cause: unknown): never {
  throw new RunInterrupted("a called flow could not be loaded", { cause });
}
