import type { TableDefinition } from "../domain/table";
import { compareTables } from "../domain/table-change";
import type { TableSchemas } from "./ports";
import type { ResourceStep, ResourceWork } from "./resource-statements";

/** What makes a table what it is declared to be, and what would be lost by it. */
export async function tableStatements(step: ResourceStep, schemas: TableSchemas): Promise<ResourceWork> {
  const { environmentId, before, after, drop } = step;
  const was = before?.definition as TableDefinition | undefined;
  const is = after?.definition as TableDefinition | undefined;
  const confirmed = (column: string) => drop.confirms(`column:${column}`);
  const { changes, losses, summary } = compareTables(was, is, confirmed);
  const table = (is ?? was)?.table as string;
  // What the rows that are there say against it, where the definitions alone say nothing.
  const found = (await schemas.losses(environmentId, table, changes)).filter(
    ({ column }) => !confirmed(column) && !losses.some((loss) => loss.column === column),
  );
  return {
    statements: schemas.statements(environmentId, table, changes),
    problems: [...losses, ...found].map(({ column, reason }) => ({
      path: `${after?.path ?? ""}/columns/${column.slice(table.length + 1)}`,
      reason: `the column ${reason}; or confirm with ?drop=column:${column}`,
    })),
    changes: summary.map((line) => `${table}: ${line}`),
  };
}
