import {
  type AcquireAnswer,
  type AcquireRequest,
  type GroupAddress,
  groupObjectName,
  type ReleaseAnswer,
  type RenewAnswer,
  type SharedAnswer,
  type Undecided,
} from "../../domain/exclusion-group";
import type { ExclusionGroup } from "../../durable/exclusion-group";
import type { ExclusionGroups } from "../../operations/ports";
import { GatheredCalls } from "./gathered-calls";
import type { NamedObjects } from "./placement";

/** Milliseconds that a call to the object may take beyond what it was asked to wait: it answers within a few. */
const CALL_TIMEOUT_MS = 5_000;

/** Asks again this often after an error: the object may just have been moved, or the Worker been deployed anew. */
const TRIES = 2;

/** Runs that ask for a group in one call at the most. */
const MOST_TOGETHER = 500;

/** The object's methods as plain promises: the platform's own types of a stub lose tuples and split unions. */
type GroupObject = Pick<ExclusionGroup, "acquire" | "acquireAll" | "renew" | "release">;

export interface ExclusionClientOptions {
  namespace: NamedObjects<ExclusionGroup>;
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
  /** Whether those who ask at the same time may ask together. */
  together: boolean;
}

/**
 * Exclusion groups over their Durable Objects. All calls carry the run's id, so repeating one changes nothing. Runs that ask
 * while another's question is under way, and do not wait for a turn, ask together: many callers of a busy group cost its
 * object few calls.
 */
export class DurableExclusionGroups implements ExclusionGroups {
  readonly #namespace: NamedObjects<ExclusionGroup>;
  readonly #background: (work: Promise<unknown>) => void;
  readonly #together: boolean;
  readonly #asking: GatheredCalls<AcquireRequest, AcquireAnswer>;

  constructor({ namespace, background, together }: ExclusionClientOptions) {
    this.#namespace = namespace;
    this.#background = background;
    this.#together = together;
    this.#asking = new GatheredCalls({
      send: (name, requests) =>
        this.#try(name, 0, async (object) => {
          const [only] = requests;
          return requests.length === 1 ? [await object.acquire(only!)] : object.acquireAll(requests);
        }),
      most: MOST_TOGETHER,
      background,
      now: () => Date.now(),
    });
  }

  async acquire(
    group: GroupAddress,
    request: AcquireRequest,
    signal?: AbortSignal,
  ): Promise<AcquireAnswer | Undecided> {
    const name = groupObjectName(group);
    // A call that waits would hold up all that come after it.
    if (request.waitMs > 0 || !this.#together)
      return decided(this.#try(name, request.waitMs, (object) => object.acquire(request)));
    let over = false;
    const wanted = () => !over && signal?.aborted !== true;
    const asked = within(CALL_TIMEOUT_MS, this.#asking.ask(name, request, wanted)).finally(() => {
      over = true;
    });
    return decided(asked.then((answer) => answer ?? { kind: "undecided", reason: "the caller has left" }));
  }

  renew(group: GroupAddress, runId: string): Promise<RenewAnswer | Undecided> {
    return decided(this.#try(groupObjectName(group), 0, (object) => object.renew(runId)));
  }

  release(group: GroupAddress, runId: string, answer?: SharedAnswer): Promise<ReleaseAnswer | Undecided> {
    return decided(this.#try(groupObjectName(group), 0, (object) => object.release(runId, answer)));
  }

  abandon(group: GroupAddress, runId: string): void {
    this.#background(this.release(group, runId));
  }

  async #try<T>(name: string, waitMs: number, call: (object: GroupObject) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        // A stub that failed stays broken, so each try takes a new one.
        const object = this.#namespace.getByName(name) as unknown as GroupObject;
        return await within(waitMs + CALL_TIMEOUT_MS, call(object));
      } catch (error) {
        // An overloaded one has too much to do already.
        if (attempt === TRIES || isOverloaded(error) || error instanceof TookTooLong) throw error;
      }
    }
  }
}

/** What went wrong on the way decides nothing. */
function decided<T>(asked: Promise<T>): Promise<T | Undecided> {
  return asked.catch((error: unknown) => ({
    kind: "undecided",
    reason: error instanceof Error ? error.message : String(error),
  }));
}

class TookTooLong extends Error {
  override readonly name = "TookTooLong";
}

function within<T>(ms: number, pending: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TookTooLong(`no answer within ${ms} ms`)), ms);
    pending.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function isOverloaded(error: unknown): boolean {
  return typeof error === "object" && error !== null && "overloaded" in error && error.overloaded === true;
}
