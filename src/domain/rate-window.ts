import type { RateLimit } from "./principal";

/** Calls counted since a window began, which it does with its first call. */
export interface RateWindow {
  /** Milliseconds since 1970. */
  startedAt: number;
  count: number;
}

export interface RateDecision {
  allowed: boolean;
  remaining: number;
  resetMs: number;
}

/** Counts a call: in the window that is open, else in a new one. Refused calls are not counted. */
export function countCall(
  window: RateWindow | undefined,
  rate: RateLimit,
  now: number,
): { window: RateWindow; decision: RateDecision } {
  // A clock that was set back must not make a window longer than it is.
  const open = window !== undefined && now < window.startedAt + rate.windowMs && now >= window.startedAt;
  const current = open ? window : { startedAt: now, count: 0 };
  const allowed = current.count < rate.limit;
  const next = allowed ? { ...current, count: current.count + 1 } : current;
  return {
    window: next,
    decision: {
      allowed,
      remaining: Math.max(0, rate.limit - next.count),
      resetMs: current.startedAt + rate.windowMs - now,
    },
  };
}
