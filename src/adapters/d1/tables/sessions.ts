import type { TableSession, TableSessions } from "../../../operations/tables/open-table";
import { D1Tables, type D1TablesOptions } from "./d1-tables";

/** Tables through sessions of D1, so that replicas may serve reads. */
export class D1TableSessions implements TableSessions {
  readonly #options: Omit<D1TablesOptions, "databaseOf"> & {
    databaseOf: (environmentId: number) => D1Database;
  };

  constructor(
    options: Omit<D1TablesOptions, "databaseOf"> & { databaseOf: (environmentId: number) => D1Database },
  ) {
    this.#options = options;
  }

  session(environmentId: number, bookmark: string | undefined): TableSession {
    const session = this.#options.databaseOf(environmentId).withSession(bookmark ?? "first-primary");
    const tables = new D1Tables({ ...this.#options, databaseOf: () => session });
    return { tables, bookmark: () => session.getBookmark() ?? undefined };
  }
}
