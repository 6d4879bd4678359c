import type { Problem } from "../domain/errors";
import type { ResourceKind } from "../domain/resource";
import type { CheckedResource } from "./check-resources";
import { keystoreStatements } from "./keystore-statements";
import type { StoredResource } from "./ports";

/** A resource that comes, changes or goes. */
export interface ResourceStep {
  environmentId: number;
  before: StoredResource | undefined;
  after: CheckedResource | undefined;
  /** What may be lost, by name. */
  drop: readonly string[];
}

/**
 * SQL that a change of a resource needs, in the transaction that applies it; and what would be lost by it without having
 * been named. Most kinds need none.
 */
export function resourceStatements(step: ResourceStep): { statements: string[]; problems: Problem[] } {
  const { kind } = (step.after ?? step.before) as { kind: ResourceKind };
  if (kind === "keystore") return keystoreStatements(step);
  return { statements: [], problems: [] };
}
