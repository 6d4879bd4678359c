import type { BenchOptions } from "./case.ts";
import { startWorld, type World } from "./world.ts";

/** Our runtime with flows that take records, and a bare Worker beside it on the same database. */

/** As in wrangler.toml, so that both Workers have one database. */
const DATABASE = "00000000-0000-0000-0000-000000000000";

export interface RecordWorld extends World {
  headers: Record<string, string>;
  /** Id of the flow `bench`. */
  flow: number;
  project: number;
}

export async function startRecordWorld(options: BenchOptions): Promise<RecordWorld> {
  const world = await startWorld(options, "bare-record", {}, undefined, { d1Databases: { DB: DATABASE } });
  try {
    await world.admin.apply({
      sluice: 1,
      project: "records bench",
      flows: [
        {
          flow: "bench",
          start: "total",
          nodes: {
            total: { type: "calculate", set: { doubled: "=item.order * 2" }, next: "check" },
            check: { type: "filter", when: "=item.doubled >= 0", results: { kept: "end", dropped: "end" } },
          },
        },
      ],
      mappedFields: [{ field: "order", path: "$.order" }],
      // The default limit of calls would end the measurement after a second.
      interfaces: [
        {
          interface: "bench",
          access: "both",
          scopes: ["record"],
          rateLimit: { limit: 1_000_000, window: "1h" },
        },
      ],
    });
    const { key } = await world.admin.post("/admin/v1/organizations/1/api-keys", {
      name: "bench",
      kind: "data",
    });
    const { projects } = await world.admin.get("/admin/v1/projects");
    const { flows } = await world.admin.get("/admin/v1/projects/records%20bench/flows");
    return {
      ...world,
      flow: flows[0].id,
      project: projects[0].id,
      headers: {
        "Content-Type": "application/json",
        "X-Apikey": key,
        "X-App": "bench",
        "X-Flow": String(flows[0].id),
      },
    };
  } catch (error) {
    await world.dispose();
    throw error;
  }
}
