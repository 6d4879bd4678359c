/** Goes last into the batch of every change of identities. */
export const BUMP_IDENTITY =
  "UPDATE organizations SET identity_epoch = identity_epoch + 1 WHERE id = ?1 RETURNING identity_epoch";

export interface Epoch {
  identity_epoch: number;
}

/** The epoch after a batch that ends with the bump, if its first statement changed a row. */
export function epochAfter(results: D1Result<Epoch>[]): number | undefined {
  return results[0]?.results.length === 0 ? undefined : results.at(-1)?.results[0]?.identity_epoch;
}
