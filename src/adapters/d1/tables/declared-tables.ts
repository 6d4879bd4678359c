/** The tables that an environment's projects declare, as they stand in the database, with their columns. */
export async function declaredTables(
  db: D1Database,
  environmentId: number,
): Promise<{ name: string; columns: string[] }[]> {
  const prefix = `t${environmentId}_`;
  const { results } = await db
    .prepare(
      `SELECT m.name, (SELECT json_group_array(c.name) FROM pragma_table_info(m.name) c) AS columns
       FROM sqlite_master m WHERE m.type = 'table' AND substr(m.name, 1, ?1) = ?2`,
    )
    .bind(prefix.length, prefix)
    .all<{ name: string; columns: string }>();
  return results.map(({ name, columns }) => ({ name, columns: JSON.parse(columns) as string[] }));
}
