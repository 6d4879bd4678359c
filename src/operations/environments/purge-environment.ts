import type { World } from "../ports";

/** What there is of an environment outside of its own row. Each answers whether nothing is left; it may be asked again and again. */
export interface EnvironmentRemains {
  /** Ends what goes on in objects, and has them forget all they keep: runs, schedules, deliveries, values of keystores. */
  endObjects(environmentId: number): Promise<boolean>;
  /**
   * Has inboxes forget what webhooks took for projects that are no longer in the environment.
   * @param webhooks whose inboxes are asked in any case: an inbox tells that it keeps something some seconds later
   */
  forgetDeliveries(environmentId: number, webhooks: readonly string[], now: number): Promise<void>;
  /** Removes copies at the edge. */
  clearCopies(environmentId: number): Promise<boolean>;
  /** Removes tables and rows. */
  removeRows(environmentId: number): Promise<boolean>;
}

/**
 * Ends the deliveries of projects that were taken out of an environment. Nobody can list them any more, so what fails here
 * is done with the next optimization.
 */
export async function endDeliveries(
  { remains, world }: { remains: EnvironmentRemains; world: World },
  environmentId: number,
  webhooks: readonly string[] = [],
): Promise<void> {
  try {
    await remains.forgetDeliveries(environmentId, webhooks, world.now());
  } catch (error) {
    // biome-ignore lint/suspicious/noConsole: the operators' log
    console.warn("deliveries of a deleted project are still there", error);
  }
}

/**
 * Removes a piece of all that an environment has, in an order in which nothing is made anew: what goes on ends first, and
 * the rows that tell of objects go after them. A crash in between costs nothing: it is gone on with from what is left.
 * @returns whether there is nothing left
 */
export async function purgeEnvironment(
  { remains }: { remains: EnvironmentRemains },
  environmentId: number,
): Promise<boolean> {
  return (
    (await remains.endObjects(environmentId)) &&
    (await remains.removeRows(environmentId)) &&
    (await remains.clearCopies(environmentId))
  );
}
