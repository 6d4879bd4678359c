import { logError } from "../../domain/operator-log";
import type { TimerKind, Timers } from "./timers";

/** Due times handled in one alarm; the next follows at once. */
const TIMERS_PER_ALARM = 200;

export interface AlarmOptions {
  storage: DurableObjectStorage;
  timers: Timers;
  /** What each kind of timer does. */
  expire: Record<TimerKind, (run: string) => void>;
  /** Milliseconds after which what failed is tried again. */
  retryMs: number;
}

/** Nobody waits for an alarm, so what it meets is told to the operators. */
export function report(error: unknown): void {
  logError("a run shard's alarm met an error", error);
}

/** Does what is due, and sets the alarm for what is next. Lets no error out: the platform would give up after some. */
export async function runAlarm({ storage, timers, expire, retryMs }: AlarmOptions): Promise<void> {
  try {
    timers.fired();
    for (const { kind, run } of timers.expired(Date.now(), TIMERS_PER_ALARM)) {
      try {
        expire[kind](run);
      } catch (error) {
        // Later, rather than at once and for ever.
        timers.set(kind, run, Date.now() + retryMs);
        report(error);
      }
    }
  } catch (error) {
    report(error);
  }
  try {
    timers.rearm();
  } catch (error) {
    report(error);
    await storage.setAlarm(Date.now() + retryMs).catch((failure: unknown) => report(failure));
  }
}
