/*
 * Calls of one object that come while another is on its way there travel together, as one. What an object does for a
 * call is often less work than the call itself, so a hundred callers at once cost two calls and not a hundred.
 *
 * Invariants:
 * 1. A request that finds no call under way goes out at once, in the turn in which it was made.
 * 2. Of one object one call is under way at a time, so the object sees requests in the order in which they were made.
 * 3. Each request is sent once at the most. A call that fails fails for all that travelled with it, and for no one else.
 * 4. The first of those who travel together makes the call, as work that outlives its caller. Should it be lost all the
 *    same, nobody who comes later waits for it longer than `LOST_MS`.
 * 5. Whoever waits, waits for a promise of its own. One that another request made goes on in that request's context, and what
 *    it then asks of the platform is cut off when that request ends.
 */

/**
 * Whether requests of an isolate may travel together: their contexts differ, so the runtime has to carry answers from one to
 * another. An object has one context, so those that it makes itself always may.
 */
export function mayTravelTogether(): boolean {
  return Cloudflare.compatibilityFlags.handle_cross_request_promise_resolution === true;
}

/** Milliseconds after which a call that has not come back no longer holds up the next. */
const LOST_MS = 2_000;

export interface GatheredCallsOptions<Q, A> {
  /** Makes one call. @returns an answer for each request, in order */
  send: (key: string, requests: readonly Q[]) => Promise<readonly A[]>;
  /** Requests that travel together at the most. */
  most: number;
  /** Lets a call go on although its first caller has left. */
  background: (work: Promise<unknown>) => void;
  now: () => number;
}

interface Passenger<Q, A> {
  request: Q;
  wanted: () => boolean;
  answer: (answer: A | undefined) => void;
  fail: (reason: unknown) => void;
}

interface Gathered<Q, A> {
  passengers: Passenger<Q, A>[];
  madeAt: number;
  /** Whether it is on its way, so that nobody may join any more. */
  left: boolean;
  /** Told when it has come back. */
  back: (() => void)[];
}

export class GatheredCalls<Q, A> {
  readonly #options: GatheredCallsOptions<Q, A>;
  /** The newest call of each object that has one. */
  readonly #newest = new Map<string, Gathered<Q, A>>();

  constructor(options: GatheredCallsOptions<Q, A>) {
    this.#options = options;
  }

  /**
   * @param wanted asked when the call leaves: whether anybody still waits for the answer
   * @returns `undefined` when it was not wanted any more, and was not sent
   * @throws whatever the call threw
   */
  ask(key: string, request: Q, wanted: () => boolean = () => true): Promise<A | undefined> {
    return new Promise((answer, fail) => {
      const { most, background, now } = this.#options;
      const passenger = { request, wanted, answer, fail };
      const newest = this.#newest.get(key);
      const before = newest !== undefined && now() - newest.madeAt < LOST_MS ? newest : undefined;
      if (before !== undefined && !before.left && before.passengers.length < most) {
        before.passengers.push(passenger);
        return;
      }
      const made: Gathered<Q, A> = { passengers: [passenger], madeAt: now(), left: false, back: [] };
      this.#newest.set(key, made);
      background(this.#call(key, made, before));
    });
  }

  /** Never throws: every passenger is told. */
  async #call(key: string, made: Gathered<Q, A>, before: Gathered<Q, A> | undefined): Promise<void> {
    // Not awaited when there is none: a lone call goes out in this turn.
    if (before !== undefined) await new Promise<void>((back) => before.back.push(back));
    made.left = true;
    const leaving: Passenger<Q, A>[] = [];
    for (const passenger of made.passengers) {
      if (passenger.wanted()) leaving.push(passenger);
      else passenger.answer(undefined);
    }
    try {
      const answers =
        leaving.length === 0
          ? []
          : await this.#options.send(
              key,
              leaving.map(({ request }) => request),
            );
      for (const [index, { answer }] of leaving.entries()) answer(answers[index]);
    } catch (error) {
      for (const { fail } of leaving) fail(error);
    } finally {
      if (this.#newest.get(key) === made) this.#newest.delete(key);
      for (const back of made.back) back();
    }
  }
}
