/**
 * Failed attempts to be let in, counted for each client: after some that cost nothing, each makes the next wait longer.
 * A credential that was right from the same place before is looked at whatever others there try, so that guessing locks out
 * nobody but the guesser.
 */

/** Failures without a delay: a person's typing errors, a script with an old token that is retried. */
export const FREE_FAILURES = 10;
const FIRST_DELAY_MS = 1_000;
/** The longest delay: at most 288 guesses a day and place. */
export const MAX_DELAY_MS = 300_000;
/** Milliseconds without a failure after which all are forgotten; longer than the longest delay. */
export const FORGET_MS = 3_600_000;
/** Milliseconds for which a right credential is remembered. */
export const KEEP_ADMITTED_MS = 86_400_000;
/** Right credentials that are remembered of one place. */
const MAX_ADMITTED = 16;

export interface Attempts {
  failures: number;
  lastFailureAt: number;
  /** Hashes of credentials that were right, the latest last. */
  admitted: { hash: string; at: number }[];
}

export const NO_ATTEMPTS: Attempts = { failures: 0, lastFailureAt: 0, admitted: [] };

/** Milliseconds until the next attempt with a credential is looked at; 0 when it may come now. */
export function waitBefore(attempts: Attempts, hash: string, now: number): number {
  if (attempts.admitted.some((each) => each.hash === hash && now - each.at < KEEP_ADMITTED_MS)) return 0;
  return Math.max(0, blockedUntil(attempts, now) - now);
}

export function afterFailure(attempts: Attempts, now: number): Attempts {
  const forgotten = now - attempts.lastFailureAt >= FORGET_MS;
  return { ...attempts, failures: (forgotten ? 0 : attempts.failures) + 1, lastFailureAt: now };
}

/** What was guessed before stays counted: else one right credential of little worth would cover the guessing of another. */
export function afterSuccess(attempts: Attempts, hash: string, now: number): Attempts {
  const others = attempts.admitted.filter((each) => each.hash !== hash && now - each.at < KEEP_ADMITTED_MS);
  return { ...attempts, admitted: [...others, { hash, at: now }].slice(-MAX_ADMITTED) };
}

function blockedUntil({ failures, lastFailureAt }: Attempts, now: number): number {
  const counted = failures - FREE_FAILURES;
  if (counted <= 0 || now - lastFailureAt >= FORGET_MS) return 0;
  return lastFailureAt + Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(counted - 1, 30));
}
