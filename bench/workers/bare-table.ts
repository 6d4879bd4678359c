/**
 * What a developer would write by hand for one table: the same SQL as ours, bound, and the same answers. It checks no
 * key, counts no calls, and knows one table with fixed columns.
 */

interface Bindings {
  DB: D1Database;
}

interface Row {
  id: number;
  date_created: string;
  date_updated: string;
  name: string;
  kind: string | null;
  age: number | null;
  score: number | null;
  matches?: number;
}

const EXACT =
  'CASE WHEN "age" BETWEEN -9007199254740991 AND 9007199254740991 THEN "age" ELSE CAST("age" AS TEXT) END AS "age"';
const COLUMNS = `"id", "date_created", "date_updated", "name", "kind", ${EXACT}, "score"`;
const GET = `SELECT ${COLUMNS} FROM "t1_bench" WHERE "id" = ?1`;
const SEARCH = `SELECT ${COLUMNS}, (SELECT count(*) FROM (SELECT 1 FROM "t1_bench" WHERE ("kind" = ?1) LIMIT 100001)) AS "matches"
  FROM "t1_bench" WHERE ("kind" = ?1) ORDER BY "t1_bench"."age" DESC, "t1_bench"."id" DESC LIMIT ?2 OFFSET ?3`;
const INSERT = `INSERT INTO "t1_bench" ("date_created", "date_updated", "name", "kind", "age", "score")
  VALUES (?1, ?1, ?2, ?3, ?4, ?5) RETURNING "id"`;
/** D1 binds numbers as reals, and 3.0 would come into the texts. */
const FILL = `WITH RECURSIVE n(i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2)
  INSERT INTO "t1_bench" ("date_created", "date_updated", "name", "kind", "age", "score")
  SELECT '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'name ' || i, 'kind ' || (i % CAST(?3 AS INTEGER)), (i * 37) % 90, i / 8.0 FROM n`;

function page(rows: Row[], more: Record<string, unknown>): Response {
  const data = rows.map(({ matches: _, ...row }) => ({ ...row, id: String(row.id) }));
  return Response.json({ data, total: data.length, ...more });
}

export default {
  async fetch(request: Request, { DB }: Bindings): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/fill") {
      const { from, count, kinds } = await request.json<{ from: number; count: number; kinds: number }>();
      await DB.prepare(FILL).bind(from, count, kinds).run();
      return new Response("filled");
    }
    const rest = pathname.slice("/v1/tables/bench".length);
    if (rest === "/search") {
      const { where, limit, offset } = await request.json<{
        where: { rules: { value: string }[] };
        limit: number;
        offset: number;
      }>();
      const { results } = await DB.prepare(SEARCH).bind(where.rules[0]?.value, limit, offset).all<Row>();
      return page(results, {
        start_at: offset,
        next_element: offset + results.length,
        limit,
        offset,
        max_results: results[0]?.matches ?? 0,
      });
    }
    if (request.method === "POST") {
      const { name, kind = null, age = null, score = null } = await request.json<Row>();
      if (typeof name !== "string") return new Response("name is a text", { status: 400 });
      const now = new Date().toISOString().slice(0, 19).replace("T", " ");
      const { results } = await DB.prepare(INSERT).bind(now, name, kind, age, score).all<{ id: number }>();
      const row = {
        id: results[0]?.id as number,
        date_created: now,
        date_updated: now,
        name,
        kind,
        age,
        score,
      };
      return page([row], { start_at: 0, next_element: 0, limit: 100, offset: 0, max_results: 0 });
    }
    const { results } = await DB.prepare(GET)
      .bind(Number(rest.slice(1)))
      .all<Row>();
    return page(results, { start_at: 0, next_element: 1, limit: 100, offset: 0, max_results: 1 });
  },
};
