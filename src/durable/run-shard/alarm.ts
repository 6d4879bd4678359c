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
  report: (error: unknown) => void;
}

/** Does what is due, and sets the alarm for what is next. Lets no error out: the platform would give up after some. */
export async function runAlarm({ storage, timers, expire, retryMs, report }: AlarmOptions): Promise<void> {
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
