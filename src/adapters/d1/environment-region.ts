import { REGION_NAMES, type Region } from "../../domain/environment-life";

/** The region that was chosen for an environment. A default one was made without a choice, and has none. */
export async function regionOf(db: D1Database, environmentId: number): Promise<Region | undefined> {
  const row = await db
    .prepare(
      `SELECT d.region FROM environment_details d JOIN environments e ON e.id = d.environment_id
       WHERE e.id = ?1 AND e.is_default = 0`,
    )
    .bind(environmentId)
    .first<{ region: string }>();
  return REGION_NAMES.find((name) => name === row?.region);
}
