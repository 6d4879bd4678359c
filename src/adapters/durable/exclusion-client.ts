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

/** Milliseconds that a call to the object may take beyond what it was asked to wait: it answers within a few. */
const CALL_TIMEOUT_MS = 5_000;

/** Asks again this often after an error: the object may just have been moved, or the Worker been deployed anew. */
const TRIES = 2;

/** The object's methods as plain promises: the platform's own types of a stub lose tuples and split unions. */
type GroupObject = Pick<ExclusionGroup, "acquire" | "renew" | "release">;

export interface ExclusionClientOptions {
  namespace: DurableObjectNamespace<ExclusionGroup>;
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
}

/** Exclusion groups over their Durable Objects. All calls carry the run's id, so repeating one changes nothing. */
export class DurableExclusionGroups implements ExclusionGroups {
  readonly #namespace: DurableObjectNamespace<ExclusionGroup>;
  readonly #background: (work: Promise<unknown>) => void;

  constructor({ namespace, background }: ExclusionClientOptions) {
    this.#namespace = namespace;
    this.#background = background;
  }

  acquire(group: GroupAddress, request: AcquireRequest): Promise<AcquireAnswer | Undecided> {
    return this.#ask(group, request.waitMs, (object) => object.acquire(request));
  }

  renew(group: GroupAddress, runId: string): Promise<RenewAnswer | Undecided> {
    return this.#ask(group, 0, (object) => object.renew(runId));
  }

  release(group: GroupAddress, runId: string, answer?: SharedAnswer): Promise<ReleaseAnswer | Undecided> {
    return this.#ask(group, 0, (object) => object.release(runId, answer));
  }

  abandon(group: GroupAddress, runId: string): void {
    this.#background(this.release(group, runId));
  }

  async #ask<T>(
    group: GroupAddress,
    waitMs: number,
    call: (object: GroupObject) => Promise<T>,
  ): Promise<T | Undecided> {
    let reason = "";
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      try {
        // A stub that failed stays broken, so each try takes a new one.
        const object = this.#namespace.getByName(groupObjectName(group)) as unknown as GroupObject;
        return await within(waitMs + CALL_TIMEOUT_MS, call(object));
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        // It has too much to do already.
        if (isOverloaded(error) || error instanceof TookTooLong) break;
      }
    }
    return { kind: "undecided", reason };
  }
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
