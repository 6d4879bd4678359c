/** What there is of an environment outside of its own row. Each answers whether nothing is left; it may be asked again and again. */
export interface EnvironmentRemains {
  /** Ends what goes on in objects, and has them forget all they keep: runs, schedules, deliveries, values of keystores. */
  endObjects(environmentId: number): Promise<boolean>;
  /** Removes copies at the edge. */
  clearCopies(environmentId: number): Promise<boolean>;
  /** Removes tables and rows. */
  removeRows(environmentId: number): Promise<boolean>;
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
