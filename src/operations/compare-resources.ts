import { sha256Hex } from "../domain/digest";
import type { Problem } from "../domain/errors";
import { pointer } from "../domain/json-path";
import { RESOURCES, type ResourceKind } from "../domain/resource";
import type { CheckedResource } from "./check-resources";
import { DropNames } from "./drop-names";
import type { ResourceChange, StoredResource, TableSchemas } from "./ports";
import { type ResourceStep, resourceStatements } from "./resource-statements";

/** What changed of each kind, by name. */
export type ResourceSummary = {
  [K in ResourceKind]?: {
    created: string[];
    updated: string[];
    removed: string[];
    unchanged: number;
    /** Of tables: what happens to them, a line each. */
    changes?: string[];
  };
};

export interface ResourceComparison {
  changes: ResourceChange[];
  removed: { kind: ResourceKind; name: string }[];
  summary: ResourceSummary;
  /** SQL that makes tables what they are declared to be. */
  statements: string[];
  /** What would be lost, and was not named. */
  problems: Problem[];
  /** What was named, and is not lost. */
  warnings: Problem[];
}

/** What is new, changed or gone in comparison with what is stored. Drafts touch no resources. */
export async function compareResources(
  environmentId: number,
  resources: readonly CheckedResource[],
  present: readonly StoredResource[],
  { publish, drop: names }: { publish: boolean; drop: readonly string[] },
  schemas: TableSchemas,
): Promise<ResourceComparison> {
  const drop = new DropNames(names);
  const result: ResourceComparison = {
    changes: [],
    removed: [],
    summary: {},
    statements: [],
    problems: [],
    warnings: [],
  };
  if (!publish) return { ...result, warnings: drop.warnings(present, publish) };
  const told = (kind: ResourceKind) => {
    const summary = result.summary[kind] ?? { created: [], updated: [], removed: [], unchanged: 0 };
    result.summary[kind] = summary;
    return summary;
  };
  const work = async (kind: ResourceKind, step: ResourceStep) => {
    const { statements, problems, changes = [] } = await resourceStatements(step, schemas);
    result.statements.push(...statements);
    result.problems.push(...problems);
    if (changes.length > 0) told(kind).changes = [...(told(kind).changes ?? []), ...changes];
  };
  const known = new Map(present.map((each) => [`${each.kind}/${each.name}`, each]));
  for (const resource of resources) {
    const { kind, name, definition, source } = resource;
    const stored = known.get(`${kind}/${name}`);
    known.delete(`${kind}/${name}`);
    const text = JSON.stringify(definition);
    const written = JSON.stringify(source);
    const hash = await sha256Hex(`${text}\n${written}`);
    if (stored?.hash === hash) {
      told(kind).unchanged += 1;
      continue;
    }
    (stored === undefined ? told(kind).created : told(kind).updated).push(name);
    const scope = RESOURCES[kind].unique === "environment" ? 0 : undefined;
    result.changes.push({ kind, name, scope, hash, definition: text, source: written });
    await work(kind, { environmentId, before: stored, after: resource, drop });
  }
  for (const stored of known.values()) {
    const { kind, name } = stored;
    if (RESOURCES[kind].keepsData && !drop.confirms(`${kind}:${name}`)) {
      result.problems.push({
        path: pointer(RESOURCES[kind].section),
        reason: `the ${kind} "${name}" is no longer in the bundle, and its data would be lost; keep it, or confirm with ?drop=${kind}:${name}`,
      });
      continue;
    }
    told(kind).removed.push(name);
    result.removed.push({ kind, name });
    await work(kind, { environmentId, before: stored, after: undefined, drop });
  }
  return { ...result, warnings: drop.warnings(present, publish) };
}
