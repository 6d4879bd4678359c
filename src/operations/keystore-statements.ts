import type { Problem } from "../domain/errors";
import type { KeystoreDefinition } from "../domain/keystore";
import type { ResourceStep } from "./resource-statements";

/** A dropped keystore is noted for its owner; one that stays keeps its type, since its values are of that type. */
export function keystoreStatements({ environmentId, before, after }: ResourceStep): {
  statements: string[];
  problems: Problem[];
} {
  if (before === undefined) return { statements: [], problems: [] };
  if (after === undefined) {
    const row = `(${Math.trunc(environmentId)}, ${Math.trunc(before.id)})`;
    const statement = `INSERT OR IGNORE INTO dropped_keystores (environment_id, keystore_id) VALUES ${row}`;
    return { statements: [statement], problems: [] };
  }
  const [was, is] = [before.definition, after.definition] as [KeystoreDefinition, KeystoreDefinition];
  if (was.type === is.type) return { statements: [], problems: [] };
  const reason = `the keystore "${before.name}" is ${was.type} and holds such values, so it cannot become ${is.type}; declare another one, or drop this one first`;
  return { statements: [], problems: [{ path: `${after.path}/type`, reason }] };
}
