/**
 * Physical names. What is declared has only letters, digits and underscores; it stands in statements between double
 * quotes, and nothing else ever does. SQLite takes `A` and `a` for one letter, so capitals of a table's name are marked.
 */

function marked(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `${letter.toLowerCase()}$`);
}

/** `t1_users`, without quotes. */
export function physicalTable(environmentId: number, table: string): string {
  return `t${environmentId}_${marked(table)}`;
}

export function quoted(name: string): string {
  if (!/^[A-Za-z0-9_$:,]+$/.test(name)) throw new Error("a name that was not declared came to a statement");
  return `"${name}"`;
}

/** Name of an index: unique in the database, and told by what it is over. */
export function physicalIndex(physical: string, columns: readonly string[], unique: boolean): string {
  return quoted(`${unique ? "u" : "i"}:${physical}:${columns.join(",")}`);
}

/** A text as a literal, for statements that take no parameters. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
