import type { BenchOptions, Case, Comparison } from "../harness/case.ts";
import type { Target } from "../harness/load.ts";
import { checkSame, kindSearch, startTableWorld, type TableWorld, tableTarget } from "../harness/tables.ts";

const ROWS = 1_000;
const NEW_ROW = { name: "new", kind: "inserted", age: 30, score: 0.5 };

async function sides(
  options: BenchOptions,
  check: (world: TableWorld) => Promise<void>,
  target: (world: TableWorld, base: string) => Target,
): Promise<Comparison> {
  const world = await startTableWorld(options, ROWS);
  try {
    await check(world);
    return {
      ours: { target: target(world, world.direct), runtime: world.runtime },
      theirs: { target: target(world, world.bare!), runtime: world.runtime },
      dispose: world.dispose,
    };
  } catch (error) {
    await world.dispose();
    throw error;
  }
}

export const tableGet: Case = {
  key: "table_get",
  title: "a row by its id, against the same SQL through a bare Worker with D1",
  reach: 0.7,
  prepare: (options) =>
    sides(
      options,
      (world) => checkSame(world, "GET", "/500", undefined),
      (world, base) => tableTarget(world, base, "GET", "/500", undefined),
    ),
};

export const tableSearch: Case = {
  key: "table_search",
  title: "10 of 200 rows found by an index and ordered, with their count, against the same SQL",
  reach: 0.7,
  prepare: (options) =>
    sides(
      options,
      (world) => checkSame(world, "POST", "/search", kindSearch("kind 3", 20)),
      (world, base) => tableTarget(world, base, "POST", "/search", kindSearch("kind 3", 20)),
    ),
};

export const tableInsert: Case = {
  key: "table_insert",
  title: "a row inserted, against the same SQL",
  reach: 0.7,
  prepare: (options) =>
    sides(
      options,
      (world) =>
        checkSame(world, "POST", "", NEW_ROW, ({ data, ...counters }) => {
          const [{ id: _id, date_created: _created, date_updated: _updated, ...row }] = data as [
            Record<string, unknown>,
          ];
          return { row, counters };
        }),
      (world, base) => tableTarget(world, base, "POST", "", NEW_ROW),
    ),
};
