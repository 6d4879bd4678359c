import { logWarning } from "../../domain/operator-log";
import type { World } from "../ports";

/** What there is of an environment outside of its own row. Each answers whether nothing is left; it may be asked again and again. */
export interface EnvironmentRemains {
  /** Ends what goes on in objects, and has them forget all they keep: runs, schedules, deliveries, values of keystores. */
  endObjects(environmentId: number): Promise<boolean>;
  /**
   * Has a page of inboxes forget what webhooks took for projects that are no longer in the environment. One that fails
   * holds the others up as little as it does the next page.
   * @returns the last inbox of the page, where more are behind it
   */
  forgetDeliveries(environmentId: number, page: InboxPage, now: number): Promise<string | undefined>;
  /** Removes copies at the edge. */
  clearCopies(environmentId: number): Promise<boolean>;
  /** Removes tables and rows. */
  removeRows(environmentId: number): Promise<boolean>;
}

/** Which inboxes are asked. */
export interface InboxPage {
  /** Webhooks whose inboxes are asked in any case: an inbox tells that it keeps something some seconds later. */
  webhooks?: readonly string[];
  /** The last inbox of the page before. */
  after?: string | undefined;
}

/**
 * Ends deliveries of projects that were taken out of an environment, of one page of inboxes. Nobody can list them any more,
 * so what fails here, and pages that are not asked for, are done with the next optimization.
 * @returns the last inbox of the page, where more are behind it
 */
export async function endDeliveries(
  { remains, world }: { remains: EnvironmentRemains; world: World },
  environmentId: number,
  page: InboxPage,
): Promise<string | undefined> {
  try {
    return await remains.forgetDeliveries(environmentId, page, world.now());
  } catch (error) {
    logWarning("deliveries of deleted projects are still there", error, { environmentId });
    return undefined;
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
