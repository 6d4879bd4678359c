import type { BenchOptions, Case } from "../harness/case.ts";
import { requestBytes, type Target } from "../harness/load.ts";
import { type RecordWorld, startRecordWorld } from "../harness/records.ts";

const MANY = 1_000_000;
const FEW = 1_000;
const FILL_AT_ONCE = 50_000;
/** When the first of the records was made; each was made a second after the one before. */
const BEGAN = Date.parse("2020-01-01T00:00:00Z");

/** Every documented parameter; each connection sends one of them. Found alike in both sides: 10 of each. */
const SEARCHES = [
  {},
  { "X-Uuid": "bench-500" },
  { "X-Datarecord-Status": "3" },
  { "X-Datarecord-Status": "2", "X-Flow": "bench" },
  { "X-Datafield-Name": "order", "X-Datafield-Value": "25" },
  { "X-Date-Type": "date_created", "X-Date-From": "2020-01-01 00:08:20", "X-Date-To": "2020-01-01 00:10:00" },
  { "X-Date-Type": "date_started", "X-Date-From": "01-01-2020 00:08:20", "X-Date-To": "01-01-2020 00:10:00" },
  {
    "X-Date-Type": "date_last_run",
    "X-Date-From": "2020-01-01 00:08:20",
    "X-Date-To": "2020-01-01 00:10:00",
  },
] as Record<string, string>[];

export const recordSearch1m: Case = {
  key: "record_search_1m",
  title: `search by every parameter in ${MANY.toLocaleString("en")} records, against the same in ${FEW.toLocaleString("en")}`,
  reach: 0.8,
  async prepare(options) {
    const many = await startRecordWorld(options);
    const few = await startRecordWorld(options);
    const dispose = async () => {
      await many.dispose();
      await few.dispose();
    };
    try {
      const counts = [];
      for (const [world, rows] of [
        [many, MANY],
        [few, FEW],
      ] as const) {
        await fill(world, rows, options);
        counts.push(await Promise.all(SEARCHES.map((search) => count(world, search))));
      }
      // What is found by a value or a date is the same on both sides.
      const same = (list: number[] | undefined) => JSON.stringify([list?.[1], ...(list?.slice(4) ?? [])]);
      if (same(counts[0]) !== same(counts[1])) {
        throw new Error(`the two sides differ: ${JSON.stringify(counts)}`);
      }
      return {
        ours: { target: searches(many), runtime: many.runtime },
        theirs: { target: searches(few), runtime: few.runtime },
        dispose,
      };
    } catch (error) {
      await dispose();
      throw error;
    }
  },
};

async function fill(world: RecordWorld, rows: number, options: BenchOptions): Promise<void> {
  const field = JSON.stringify(["order", world.project, "$.order"]);
  for (let from = 0; from < rows; from += FILL_AT_ONCE) {
    const count = Math.min(FILL_AT_ONCE, rows - from);
    const filled = await fetch(`${world.bare}/fill`, {
      method: "POST",
      body: JSON.stringify({ from, count, flow: world.flow, field, began: BEGAN }),
    });
    if (!filled.ok) throw new Error(`filling: ${filled.status} ${await filled.text()}`);
    if ((from / FILL_AT_ONCE) % 4 === 3) options.say(`  ${from + count} records`);
  }
}

function headersOf({ headers }: RecordWorld, search: Record<string, string>): Record<string, string> {
  const { "X-Flow": _, ...rest } = headers;
  return { ...rest, ...search };
}

async function count(world: RecordWorld, search: Record<string, string>): Promise<number> {
  const response = await fetch(`${world.direct}/v1/record/search`, { headers: headersOf(world, search) });
  const { resource } = (await response.json()) as { resource: { records: unknown[]; total: number } };
  if (!response.ok || resource.records.length === 0) {
    throw new Error(`the search ${JSON.stringify(search)} found nothing: ${response.status}`);
  }
  return resource.total;
}

function searches(world: RecordWorld): Target {
  const targets = SEARCHES.map((search) =>
    requestBytes(`${world.direct}/v1/record/search`, "GET", headersOf(world, search), ""),
  );
  return { ...targets[0]!, requests: targets.map(({ request }) => request) };
}
