import { addressRate, requireAllowed } from "../operations/access/count-call";
import type { RateLimiter, RateState } from "../operations/access/ports";
import { setRateHeaders } from "./rate-headers";

/** Counts one call, once: in the window of whoever makes it, or in that of its address when it is refused before that is known. */
export class CallCount {
  /** Whether calls of this kind are counted at all. */
  counts = true;
  readonly #limiter: RateLimiter;
  readonly #client: string;
  #rate: RateState | undefined;

  constructor(limiter: RateLimiter, client: string) {
    this.#limiter = limiter;
    this.#client = client;
  }

  /** @throws SluiceError rate_limited */
  async take(rate: ReturnType<typeof addressRate>): Promise<void> {
    this.#rate = await this.#limiter.take(rate.key, rate);
    requireAllowed(this.#rate);
  }

  /** @throws SluiceError rate_limited */
  takeAddress(): Promise<void> {
    return this.take(addressRate(this.#client));
  }

  /** What a refused call is told: why it was refused, or that its address made too many. */
  async refusal(error: unknown): Promise<unknown> {
    if (this.#rate !== undefined || !this.counts) return error;
    try {
      await this.takeAddress();
      return error;
    } catch (limited) {
      return limited;
    }
  }

  /** The answer, with how many calls are left. */
  told(response: Response): Response {
    if (this.#rate !== undefined) setRateHeaders(response.headers, this.#rate);
    return response;
  }
}
