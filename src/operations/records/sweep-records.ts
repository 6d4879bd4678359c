import { type RecordServices, startRecords } from "./start-records";

/** Records that one look starts. */
const PER_SWEEP = 500;
/** Milliseconds for which records are left to the request that stored or changed them, which starts them too. */
const LEFT_ALONE_MS = 2_000;

/**
 * Starts the records of an environment whose time has come.
 * @returns whether there are more to start now, when the next one is due, and whether some wait for flows that take no work
 */
export async function sweepRecords(
  services: RecordServices,
  environmentId: number,
): Promise<{ more: boolean; next: number | undefined; blocked: boolean }> {
  const { records, world } = services;
  const now = world.now();
  const due = await records.due(environmentId, now, now - LEFT_ALONE_MS, PER_SWEEP);
  const taken = due.length === 0 ? 0 : await startRecords(services, environmentId, due);
  const { due: next, blocked } = await records.nextDue(environmentId);
  return { more: due.length === PER_SWEEP && taken > 0, next, blocked };
}
