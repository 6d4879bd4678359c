import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { TableName } from "../../domain/table";
import { TableModel } from "../../domain/table-model";
import type { TableAddress, TablePort } from "../../engine/table-port";
import type { Catalog } from "../ports";

/** A conversation with the database that an environment's tables are in. */
export interface TableSession {
  tables: TablePort;
  /** Names the state that the last answer was read from or made; undefined where the database tells none. */
  bookmark(): string | undefined;
}

export interface TableSessions {
  /**
   * Without a bookmark the primary is asked. With one, any replica answers that has that state or a later one.
   */
  session(environmentId: number, bookmark: string | undefined): TableSession;
}

export interface TableServices {
  catalog: Catalog;
  tableSessions: TableSessions;
}

/** A request about a table. */
export interface TableRequest {
  environment: Environment;
  table: string;
  /** What was sent; texts of XML and CSV stand for values of all types. */
  body: Json | undefined;
  lenient: boolean;
  bookmark: string | undefined;
}

export interface OpenTable extends TableSession {
  address: TableAddress;
}

/** As D1 writes them: digits of base 16 and dashes. */
const BOOKMARK = /^[0-9a-fA-F-]{8,200}$/;

/** @throws SluiceError not_found; invalid_request for what is no bookmark */
export async function openTable(
  services: TableServices,
  { environment, table, bookmark }: Pick<TableRequest, "environment" | "table" | "bookmark">,
): Promise<OpenTable> {
  // What can be no table's name is not looked for.
  const known = TableName.safeParse(table).success
    ? await services.catalog.resource(environment.id, "table", table)
    : undefined;
  if (known === undefined) {
    const shown = JSON.stringify(table.length <= 60 ? table : `${table.slice(0, 60)}…`);
    throw new SluiceError("not_found", `There is no table ${shown}.`);
  }
  if (bookmark !== undefined && !BOOKMARK.test(bookmark)) {
    throw new SluiceError(
      "invalid_request",
      "X-D1-Bookmark is no bookmark of an earlier answer; leave it out.",
    );
  }
  const address = { environmentId: environment.id, model: TableModel.of(known.definition) };
  return { address, ...services.tableSessions.session(environment.id, bookmark) };
}

/** A body that must be an object. */
export function objectOf(body: Json | undefined, what: string): JsonObject {
  if (body === undefined || body === null || body === "") return {};
  if (typeof body !== "object" || Array.isArray(body)) {
    throw new SluiceError("invalid_request", `${what} is an object.`, {
      problems: [{ path: "", reason: "is no object" }],
    });
  }
  return body;
}
