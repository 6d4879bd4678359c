import type { RateLimit } from "./principal";

/** Calls counted since a window began, which it does with its first call. */
export interface RateWindow {
  /** Milliseconds since 1970. */
  startedAt: number;
  count: number;
}

export interface RateDecision {
  /** Calls that may be made now: none, one, or as many as were asked for ahead. */
  granted: number;
  /** Calls left in the window when those granted have been made. */
  remaining: number;
  resetMs: number;
  /** When the window began, in milliseconds since 1970. */
  startedAt: number;
}

/** One of so many calls left may be granted ahead: near the limit calls are counted one by one, so that none is lost. */
const AHEAD_SHARE = 20;

/**
 * Counts calls: in the window that is open, else in a new one. Refused calls are not counted.
 * @param wanted calls that the asker would like to have granted at once; it may get fewer
 */
export function countCalls(
  window: RateWindow | undefined,
  rate: RateLimit,
  now: number,
  wanted: number,
): { window: RateWindow; decision: RateDecision } {
  // A clock that was set back must not make a window longer than it is.
  const open = window !== undefined && now < window.startedAt + rate.windowMs && now >= window.startedAt;
  const current = open ? window : { startedAt: now, count: 0 };
  const left = Math.max(0, rate.limit - current.count);
  const granted = Math.min(left, Math.max(1, Math.min(wanted, Math.floor(left / AHEAD_SHARE))));
  return {
    window: { ...current, count: current.count + granted },
    decision: {
      granted,
      remaining: left - granted,
      resetMs: current.startedAt + rate.windowMs - now,
      startedAt: current.startedAt,
    },
  };
}
