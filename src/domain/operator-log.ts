/** Names and numbers that say what a line is about: `runId`, `environmentId`. Never secrets, nor what users sent. */
export type LogFields = Readonly<Record<string, string | number | undefined>>;

/**
 * Tells the operators of a fault that nobody else is told of as it is: one object for each, so that a log store can be asked
 * for its fields. `event` is the same text each time; what differs is in `about`.
 */
export function logError(event: string, error: unknown, about: LogFields = {}): void {
  // biome-ignore lint/suspicious/noConsole: the operators' log
  console.error(line(event, error, about));
}

/** Like `logError`, for what went wrong and mends itself. */
export function logWarning(event: string, error: unknown, about: LogFields = {}): void {
  // biome-ignore lint/suspicious/noConsole: the operators' log
  console.warn(line(event, error, about));
}

function line(event: string, error: unknown, about: LogFields): Record<string, unknown> {
  return { event, ...about, error: described(error) };
}

/** Causes that are told with an error; a chain that is longer, or leads back to itself, ends there. */
const MAX_CAUSES = 5;

function described(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at !== undefined && parts.length <= MAX_CAUSES; ) {
    parts.push(at instanceof Error ? (at.stack ?? String(at)) : text(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join("\ncaused by: ");
}

function text(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "something that cannot be told as text";
  }
}
