import type { TablePort } from "../../src/engine/table-port";

/** Tables that a flow under test does not use. */
export const noTables = new Proxy({} as TablePort, {
  get: (_target, name) => () => {
    throw new Error(`the flow under test uses tables: ${String(name)}`);
  },
});
