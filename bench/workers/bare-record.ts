/**
 * What a developer would write by hand to store a record: one statement into the same table, with the same indexes and
 * counters, and the same answer. It checks no key, no schema and no flow, and executes nothing.
 */

interface Bindings {
  DB: D1Database;
}

const INSERT = `INSERT INTO records (environment_id, uuid, flow_id, flow_version, status, queue, due_at, run_id, created_at,
    modified_at, next_run_at, created_by, trigger_kind, data)
  VALUES (1, ?1, ?2, 1, 4, 'none', NULL, ?1, ?3, ?3, NULL, 'bare', 'v1', ?4)`;

/** Records as a busy environment would have them: 20 of each order, most of them finished. */
const FILL = `WITH RECURSIVE n (i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2)
  INSERT INTO records (environment_id, uuid, flow_id, flow_version, status, queue, run_id, num_runs, created_at, modified_at,
    started_at, last_run_at, step_type, step, created_by, trigger_kind, data)
  SELECT 1, 'bench-' || i, ?3, 1, iif(i % 50 = 0, 3, 2), 'none', 'run-' || i, 1, ?4 + i * 1000, ?4 + i * 1000, ?4 + i * 1000 + 5,
    ?4 + i * 1000 + 5, 'end', 'end', 'bench', 'v1', '{"order":' || (i / 20) || ',"client":[{"name":"Ada"}]}' FROM n`;
const FILL_FIELDS = `INSERT INTO record_fields (environment_id, field, value, created_at, record_id)
  SELECT 1, ?1, data ->> 'order', created_at, id FROM records WHERE id > ?2 AND id <= ?3`;

export default {
  async fetch(request: Request, { DB }: Bindings): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/fill") {
      const { from, count, flow, field, began } = await request.json<{
        from: number;
        count: number;
        flow: number;
        field: string;
        began: number;
      }>();
      await DB.batch([
        DB.prepare(FILL).bind(from, count, flow, began),
        DB.prepare(FILL_FIELDS).bind(field, from, from + count),
      ]);
      return new Response("filled");
    }
    const data = await request.json<Record<string, unknown>>();
    const flow = Number(request.headers.get("x-flow"));
    const uuid = crypto.randomUUID();
    await DB.prepare(INSERT).bind(uuid, flow, Date.now(), JSON.stringify(data)).run();
    const resource = { flow_id: String(flow), flow_name: "bench", data_record_id: uuid, data_record: data };
    const body = {
      id: "created",
      code: 201,
      "request-ip": "127.0.0.1",
      resource,
      message: "Data Record is created successfully",
      error: null,
    };
    return Response.json(body, { status: 201 });
  },
};
