import { SluiceError } from "../../../domain/errors";
import type { Stored } from "../../../domain/table-value";

/** Bytes of a statement's text: D1 takes 100,000. Names are ASCII, and everything else is bound. */
const MAX_STATEMENT = 99_000;

/** A statement with its parameters, not yet of any database. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly (Stored | string)[];
}

/** @throws SluiceError invalid_request when so many rules on such long names do not fit into a statement */
export function statement(sql: string, { values }: Pick<Statement, "values">): Statement {
  if (sql.length > MAX_STATEMENT) {
    throw new SluiceError(
      "invalid_request",
      "The rules are too many for names as long as these: a statement of the database has at most 100 kB (MAX_TABLE_RULES). Ask in parts.",
      { limit: "MAX_TABLE_RULES" },
    );
  }
  return { sql, values };
}
