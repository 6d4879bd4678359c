import type { Case } from "../harness/case.ts";
import type { Target } from "../harness/load.ts";
import {
  checkSame,
  kindSearch,
  ROWS_OF_A_KIND,
  startTableWorld,
  type TableWorld,
  tableTarget,
} from "../harness/tables.ts";

const MANY = 1_000_000;
const FEW = 1_000;
/** The first page, and the last of what the condition finds. */
const OFFSETS = [0, ROWS_OF_A_KIND - 10];

export const tableSearch1m: Case = {
  key: "table_search_1m",
  title: `an indexed search in ${MANY.toLocaleString("en")} rows, first and deep page, against the same in ${FEW.toLocaleString("en")}`,
  reach: 0.8,
  async prepare(options) {
    const many = await startTableWorld(options, MANY);
    const few = await startTableWorld(options, FEW);
    const dispose = async () => {
      await many.dispose();
      await few.dispose();
    };
    try {
      for (const world of [many, few]) {
        for (const offset of OFFSETS) await checkSame(world, "POST", "/search", kindSearch("kind 3", offset));
      }
      return {
        ours: { target: pages(many), runtime: many.runtime },
        theirs: { target: pages(few), runtime: few.runtime },
        dispose,
      };
    } catch (error) {
      await dispose();
      throw error;
    }
  },
};

/** Every other connection asks for the deep page. */
function pages(world: TableWorld): Target {
  const targets = OFFSETS.map((offset) =>
    tableTarget(world, world.direct, "POST", "/search", kindSearch("kind 3", offset)),
  );
  return { ...targets[0]!, requests: targets.map(({ request }) => request) };
}
