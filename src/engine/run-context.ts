import { type Json, setOwn, truncate } from "../domain/json";
import {
  MAX_MESSAGE_CHARS,
  MAX_MESSAGE_DETAIL_CHARS,
  MAX_RUN_FUEL,
  MAX_RUN_MESSAGES,
} from "../domain/limits";
import type { MessageLevel, RunMessage, TriggerKind } from "../domain/run";
import { RunCalls } from "./calls/run-calls";
import { FlowError, RunStopped } from "./errors";
import { after, eachInOrder, type MaybePromise } from "./maybe-promise";
import type { FlowKey, NamesRead } from "./plan";
import type { Host } from "./ports";
import { RunEvaluation } from "./run-evaluation";
import { SecretMask } from "./secret-mask";

/** Longest delay that a timer takes, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** The request that started a run, as expressions see it under `input`. */
export interface RunInput {
  /** A plain object; has every field that `need` was asked for. */
  readonly view: Record<string, unknown>;
  /** Makes fields of the view (`json`, `headers`, `query` …) that some plan reads and that are not there yet. */
  need(names: NamesRead): void;
}

export interface RunStart {
  id: string;
  trigger: TriggerKind;
  user: string;
  input: RunInput;
  host: Host;
  startedAt: number;
  /** Milliseconds since 1970 at which the run is aborted. */
  deadline: number;
  /** What the run said before it was taken up again; these are stored. */
  messages?: readonly RunMessage[];
}

const NO_FLOW: FlowKey = { project: "", flow: "", flowId: 0 };

/** What all nodes of one run share: identity, budget, deadline, messages. Called flows and loops share it too. */
export class RunContext {
  readonly id: string;
  readonly trigger: TriggerKind;
  readonly user: string;
  readonly input: RunInput;
  readonly host: Host;
  readonly startedAt: number;
  readonly deadline: number;
  readonly messages: RunMessage[];
  readonly evaluation: RunEvaluation;
  /** The environment whose data the run's nodes work on: that of the plan, set when it is run. */
  environmentId = 0;
  /** The flow that was triggered, for whoever is told who takes a connection; set when it is run. */
  key: FlowKey = NO_FLOW;
  /** Secrets that nodes have asked for, by name: what their expressions see as `_datasource`. */
  readonly secrets: Record<string, Json> = {};
  #mask: SecretMask | undefined;
  #calls: RunCalls | undefined;
  /** Until when the run certainly holds its exclusion group, by the host's clock; for ever when it is in none. */
  permitUntil = Number.POSITIVE_INFINITY;
  /** Path of the node that is executing, for `$debug()`. */
  node: string | undefined;
  /** Record of the item that is being handled, for `$debug()`. */
  record: number | undefined;
  #dropped = 0;
  /** Those of the messages that a step store has; in memory only, since a run taken up again is given them. */
  readonly #stored: Set<RunMessage> | undefined;
  #abort: AbortController | undefined;
  #stopped: RunStopped | undefined;
  #onStop: Set<(reason: RunStopped) => void> | undefined;

  constructor(start: RunStart) {
    this.id = start.id;
    this.trigger = start.trigger;
    this.user = start.user;
    this.input = start.input;
    this.host = start.host;
    this.startedAt = start.startedAt;
    this.deadline = start.deadline;
    this.messages = start.messages === undefined ? [] : [...start.messages];
    this.#stored = start.host.steps === undefined ? undefined : new Set(this.messages);
    this.evaluation = new RunEvaluation(this, start.startedAt);
  }

  /** Milliseconds until the run is aborted, at least 0. */
  get remaining(): number {
    return Math.max(0, this.deadline - this.host.now());
  }

  /** Keeps secrets that the run has seen, and what was made of them, out of everything that leaves it. */
  get mask(): SecretMask {
    this.#mask ??= new SecretMask();
    return this.#mask;
  }

  /** A value as it may leave the run: the same, unless a secret is in it. */
  masked<T>(value: T): T {
    return this.#mask === undefined || this.#mask.empty ? value : (this.#mask.json(value as Json) as T);
  }

  /** What outgoing calls share. */
  get calls(): RunCalls {
    this.#calls ??= new RunCalls();
    return this.#calls;
  }

  /** What expressions see under `run`. */
  describe(): Record<string, unknown> {
    return {
      id: this.id,
      user: this.user,
      trigger: this.trigger,
      time: new Date(this.startedAt).toISOString(),
      remaining: this.remaining,
    };
  }

  /** Throws when the run must not go on. */
  check(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
    const now = this.host.now();
    if (now >= this.deadline) this.stop(timedOut(this.deadline - this.startedAt));
    else if (now >= this.permitUntil) this.stop(permitLost());
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Ends the run: calls under way are aborted, and nothing new begins. */
  stop(reason: RunStopped): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    for (const told of [...(this.#onStop ?? [])]) told(reason);
    this.#abort?.abort(reason);
  }

  /**
   * Has `told` called when the run stops, unless what it gives back is called before: for whoever would make a signal only to listen
   * to it, which costs the platform more than a call of a function.
   */
  onStop(told: (reason: RunStopped) => void): () => void {
    if (this.#stopped !== undefined) told(this.#stopped);
    else {
      this.#onStop ??= new Set();
      this.#onStop.add(told);
    }
    return () => void this.#onStop?.delete(told);
  }

  /** Aborted when the run stops. Made on first use: a run that waits for nothing needs none. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#stopped !== undefined) this.#abort.abort(this.#stopped);
    }
    return this.#abort.signal;
  }

  /** Charges work that is no expression's own, so that a flow of constants ends too. */
  spend(steps: number): void {
    const { evaluation } = this;
    evaluation.fuel -= steps;
    if (evaluation.fuel < 0) {
      throw new RunStopped(
        "limit",
        "fuel_exhausted",
        `the run used up its ${MAX_RUN_FUEL} steps (MAX_RUN_FUEL)`,
      );
    }
  }

  /** Waits for a node's promise, but no longer than the run may take. */
  bounded<T>(pending: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const forget = this.onStop((reason) => {
        clearTimeout(timer);
        reject(reason);
      });
      const settled = () => {
        clearTimeout(timer);
        forget();
      };
      pending.then(
        (value) => {
          settled();
          resolve(value);
        },
        (error) => {
          settled();
          reject(error);
        },
      );
      const watch = () => {
        const { remaining } = this;
        if (remaining <= 0) this.stop(timedOut(this.deadline - this.startedAt));
        else timer = setTimeout(watch, Math.min(remaining, MAX_TIMER_MS));
      };
      if (this.#stopped === undefined) watch();
    });
  }

  /**
   * Asks for secrets, so that expressions may read them from here on.
   * @throws FlowError when there is none of a name
   */
  reveal(names: readonly string[]): MaybePromise<void> {
    const missing = names.filter((name) => !Object.hasOwn(this.secrets, name));
    return eachInOrder(missing, (name) =>
      after(this.host.services.secrets.get(this.environmentId, name), (value) => {
        if (value === undefined) {
          throw new FlowError("no_secret", `there is no secret "${name}" in this environment`);
        }
        this.mask.add(value);
        setOwn(this.secrets, name, value);
      }),
    );
  }

  /** Adds a line to the run's console; past the bound lines are counted, not kept. */
  message(
    level: MessageLevel,
    text: string,
    more: { details?: unknown; node?: string; record?: number } = {},
  ): void {
    if (this.messages.length >= MAX_RUN_MESSAGES) {
      this.#dropped += 1;
      return;
    }
    this.messages.push(
      newMessage(this.host.now(), level, this.masked(text), {
        details: this.masked(more.details),
        node: more.node ?? this.node,
        record: more.record ?? this.record,
      }),
    );
  }

  /** What the node at path `node` has said since it was last asked, of one record where that is given. */
  unstoredMessages(node: string, record: number | undefined): RunMessage[] {
    const found = this.messages.filter(
      (message) =>
        message.node === node &&
        (record === undefined || message.record === undefined || message.record === record) &&
        this.#stored?.has(message) !== true,
    );
    for (const message of found) this.#stored?.add(message);
    return found;
  }

  /** The messages, with a last one that says how many were left out, if any. */
  takeMessages(): RunMessage[] {
    if (this.#dropped > 0) {
      this.messages.push({
        at: this.host.now(),
        level: "warning",
        text: `${this.#dropped} more messages were left out: a run keeps ${MAX_RUN_MESSAGES} (MAX_RUN_MESSAGES)`,
      });
      this.#dropped = 0;
    }
    return this.messages;
  }
}

function timedOut(timeoutMs: number): RunStopped {
  return new RunStopped(
    "timeout",
    "timeout",
    `the run took longer than its timeout of ${timeoutMs} ms and was aborted`,
  );
}

/** Ends a run whose place in its exclusion group may be another's by now. */
export function permitLost(): RunStopped {
  return new RunStopped(
    "cancelled",
    "permit_lost",
    "the run lost its place in the exclusion group, because its lease was not renewed in time, and was stopped before its next effect",
  );
}

/** A message cut to what is kept of it, with its full lengths told. */
export function newMessage(
  at: number,
  level: MessageLevel,
  text: string,
  more: { details?: unknown; node?: string | undefined; record?: number | undefined } = {},
): RunMessage {
  const message: RunMessage = { at, level, text };
  const short = truncate(text, MAX_MESSAGE_CHARS);
  if (short.fullLength !== short.text.length) {
    message.text = short.text;
    message.textLength = short.fullLength;
  }
  if (more.node !== undefined) message.node = more.node;
  if (more.record !== undefined && more.record >= 0) message.record = more.record;
  if (more.details !== undefined) {
    const details = truncate(
      typeof more.details === "string" ? more.details : (JSON.stringify(more.details) ?? ""),
      MAX_MESSAGE_DETAIL_CHARS,
    );
    message.details = details.text;
    if (details.fullLength !== details.text.length) message.detailsLength = details.fullLength;
  }
  return message;
}
