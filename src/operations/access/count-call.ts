import { SluiceError } from "../../domain/errors";
import { DEFAULT_RATE_LIMIT, DEFAULT_RATE_WINDOW_MS } from "../../domain/limits";
import type { Principal } from "../../domain/principal";
import type { RateState } from "./ports";

/** The window of an address: calls of nobody and refused ones count in it, so that credentials cannot be tried without end. */
export function addressRate(client: string): Principal["rate"] {
  return { key: `a/${client}`, limit: DEFAULT_RATE_LIMIT, windowMs: DEFAULT_RATE_WINDOW_MS };
}

/** @throws SluiceError rate_limited when the window is used up */
export function requireAllowed(rate: RateState): void {
  if (rate.allowed) return;
  throw new SluiceError("rate_limited", "Too many requests.", {
    retryAfter: Math.max(1, Math.ceil(rate.resetMs / 1_000)),
  });
}
