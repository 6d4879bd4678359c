/**
 * What is counted of an environment's use. Windows are the last 24 hours; what is looked at of the history of runs
 * are the newest `STATISTICS_ROWS` of its rows.
 */
export interface Statistics {
  /** Requests that websites and hosted pages answered with a page or file. */
  visits: number;
  /** Data records that are stored now. */
  records: number;
  /** Runs that schedules started. */
  batches: number;
  /** Deliveries that webhooks took. */
  webhooks: number;
  /** Runs of all kinds that began. */
  tasks: number;
  /** Mean time that ended runs took, in milliseconds. */
  averageMs: number;
  /** Longest time that an ended run took, in milliseconds. */
  peakMs: number;
}

/**
 * Rows of single runs that the statistics look at, at the most, and as many rows of several runs: they are asked for often, and
 * must cost the same in a busy environment.
 */
export const STATISTICS_ROWS = 10_000;

/** How an environment fares by the share of its storage that is in use, in percent. */
export function storageState(usedPercentage: number): "OK" | "OBSERVE" | "CRITICAL" {
  if (usedPercentage >= 90) return "CRITICAL";
  return usedPercentage >= 70 ? "OBSERVE" : "OK";
}
