/**
 * Process ids: opaque and unguessable for callers. The first letter says who hosts the run, so that a poll needs no
 * look-up: `l` for a light run, which lives in the isolate that took the request.
 */
export function newLightRunId(random: () => string = () => crypto.randomUUID()): string {
  return `l${random().replaceAll("-", "")}`;
}
