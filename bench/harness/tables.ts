import { isDeepStrictEqual } from "node:util";
import type { BenchOptions } from "./case.ts";
import { requestBytes, type Target } from "./load.ts";
import { startWorld, type World } from "./world.ts";

/** A table with rows in our runtime, and a bare Worker beside it that sends the same SQL to the same database. */

/** As in wrangler.toml, so that both Workers have one database. */
const DATABASE = "00000000-0000-0000-0000-000000000000";
const TABLE = "bench";
/** Rows with one value of `kind`, however many rows there are: what an indexed search finds. */
export const ROWS_OF_A_KIND = 200;
const FILL_AT_ONCE = 100_000;

export interface TableWorld extends World {
  headers: Record<string, string>;
  path: string;
}

/** @param rows how many the table has */
export async function startTableWorld(options: BenchOptions, rows: number): Promise<TableWorld> {
  const world = await startWorld(options, "bare-table", {}, undefined, { d1Databases: { DB: DATABASE } });
  try {
    await world.admin.apply({
      sluice: 1,
      project: "table bench",
      tables: [
        {
          table: TABLE,
          columns: {
            name: { type: "text", required: true },
            kind: { type: "text", index: true },
            age: "integer",
            score: "real",
          },
          indexes: [["kind", "age"]],
        },
      ],
      // The default limit of calls would end the measurement after a second.
      interfaces: [
        {
          interface: "bench",
          access: "both",
          scopes: ["tables"],
          rateLimit: { limit: 1_000_000, window: "1h" },
        },
      ],
    });
    const { key } = await world.admin.post("/admin/v1/organizations/1/api-keys", {
      name: "bench",
      kind: "data",
    });
    for (let from = 0; from < rows; from += FILL_AT_ONCE) {
      const count = Math.min(FILL_AT_ONCE, rows - from);
      const kinds = Math.max(1, Math.round(rows / ROWS_OF_A_KIND));
      const filled = await fetch(`${world.bare}/fill`, {
        method: "POST",
        body: JSON.stringify({ from, count, kinds }),
      });
      if (!filled.ok) throw new Error(`filling the table: ${filled.status} ${await filled.text()}`);
      options.say(`  ${from + count} rows`);
    }
    return {
      ...world,
      path: `/v1/tables/${TABLE}`,
      headers: { "Content-Type": "application/json", "X-Apikey": key, "X-App": "bench" },
    };
  } catch (error) {
    await world.dispose();
    throw error;
  }
}

/** A search for one kind, ordered by age, from a row on. */
export function kindSearch(kind: string, offset: number): Record<string, unknown> {
  return {
    where: { condition: "AND", rules: [{ field: "kind", operator: "=", value: kind }] },
    limit: 10,
    offset,
    order_field: "age",
    order_type: "desc",
  };
}

export function tableTarget(
  { headers, path }: TableWorld,
  base: string,
  method: string,
  rest: string,
  body: unknown,
): Target {
  return requestBytes(
    `${base}${path}${rest}`,
    method,
    headers,
    body === undefined ? "" : JSON.stringify(body),
  );
}

/** Both sides answer the same rows and counters, and there are rows, or there is nothing to compare. */
export async function checkSame(
  world: TableWorld,
  method: string,
  rest: string,
  body: unknown,
  known: (answer: Record<string, unknown>) => unknown = (answer) => answer,
): Promise<void> {
  const ask = async (base: string) => {
    const response = await fetch(`${base}${world.path}${rest}`, {
      method,
      headers: world.headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${base}: ${response.status} ${await response.text()}`);
    const answer = (await response.json()) as Record<string, unknown>;
    if (!(Number(answer.total) > 0)) throw new Error(`${base}: no row in ${JSON.stringify(answer)}`);
    return known(answer);
  };
  const [ours, theirs] = [await ask(world.direct), await ask(world.bare!)];
  if (!isDeepStrictEqual(ours, theirs)) {
    throw new Error(`the two sides differ: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}`);
  }
}
