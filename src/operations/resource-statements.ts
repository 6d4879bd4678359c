import type { Problem } from "../domain/errors";
import type { ResourceKind } from "../domain/resource";
import type { CheckedResource } from "./check-resources";
import type { DropNames } from "./drop-names";
import { keystoreStatements } from "./keystore-statements";
import type { StoredResource, TableSchemas } from "./ports";
import { tableStatements } from "./table-statements";

/** A resource that comes, changes or goes. */
export interface ResourceStep {
  environmentId: number;
  before: StoredResource | undefined;
  after: CheckedResource | undefined;
  /** What may be lost. */
  drop: DropNames;
}

export interface ResourceWork {
  /** SQL that the change needs, in the transaction that applies it. */
  statements: string[];
  /** What would be lost by it without having been named. */
  problems: Problem[];
  /** A line for people about each thing that changes. */
  changes?: string[];
}

/** What a change of a resource needs beside its row. Most kinds need nothing. */
export async function resourceStatements(step: ResourceStep, schemas: TableSchemas): Promise<ResourceWork> {
  const { kind } = (step.after ?? step.before) as { kind: ResourceKind };
  if (kind === "keystore") return keystoreStatements(step);
  if (kind === "table") return tableStatements(step, schemas);
  return { statements: [], problems: [] };
}
