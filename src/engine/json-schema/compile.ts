import type { Problem } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { pointer } from "../../domain/json-path";
import type { Check, Checking, Place } from "./checking";
import { keywordsOf } from "./keywords";
import { inside, isObject, LIST, ONE, type Path, References } from "./references";

/** The draft's own address; other drafts are refused, since they mean other things by the same words. */
const DRAFT_4 = /^https?:\/\/json-schema\.org\/(?:draft-04\/)?(?:hyper-)?schema#?$/;

/** What the keywords of a schema are compiled with. */
export interface Compiler {
  /** The check of a schema inside this one; what is no schema is complained of. */
  schema(value: Json, path: Path): Check;
  complain(path: Path, reason: string): void;
}

/** Compiles a schema. @returns its check, or everything that is wrong with it */
export function compileDocument(document: Json): { check: Check } | { problems: Problem[] } {
  if (!isObject(document)) return { problems: [{ path: "", reason: "a JSON Schema is an object" }] };
  const problems: Problem[] = [];
  const draft = Object.hasOwn(document, "$schema") ? document.$schema : undefined;
  if (draft !== undefined && (typeof draft !== "string" || !DRAFT_4.test(draft))) {
    problems.push({
      path: "/$schema",
      reason: "data schemas are of draft 4: http://json-schema.org/draft-04/schema#",
    });
  }
  const references = new References(document, problems);
  const checks = new Map<JsonObject, Check>();
  /** Schemas that look at the same value as the one that leads to them, by reference or by combination. */
  const sameValue = new Map<JsonObject, { to: JsonObject; path: Path }[]>();
  const pending: { schema: JsonObject; path: Path }[] = [];

  const checkOf = (schema: JsonObject, path: Path): Check => {
    if (!checks.has(schema)) {
      // Stands in until the schema is compiled: it may be inside itself.
      checks.set(schema, () => true);
      pending.push({ schema, path });
    }
    return (value, place, checking) => {
      checking.spend(1);
      checking.enter();
      const passed = (checks.get(schema) as Check)(value, place, checking);
      checking.leave();
      return passed;
    };
  };
  const compiler: Compiler = {
    schema(value, path) {
      if (isObject(value)) return checkOf(value, path);
      compiler.complain(path, "a schema is an object");
      return () => true;
    },
    complain: (path, reason) => problems.push({ path: pointer(...path), reason }),
  };

  const root = checkOf(document, []);
  for (let next = pending.pop(); next !== undefined && problems.length < MOST; next = pending.pop()) {
    const { schema, path } = next;
    const reference = Object.hasOwn(schema, "$ref") ? schema.$ref : undefined;
    const leads: { to: JsonObject; path: Path }[] = [];
    sameValue.set(schema, leads);
    // Draft 4: what stands beside a `$ref` is ignored. A property may be called `$ref`; then it is a schema.
    if (typeof reference === "string") {
      const target = references.resolve(schema, reference, problems);
      if (typeof target === "string") {
        compiler.complain([...path, "$ref"], target);
        continue;
      }
      leads.push({ to: target, path: [...path, "$ref"] });
      checks.set(schema, checkOf(target, pathOf(references, target)));
      continue;
    }
    for (const [step, child] of inside(schema)) {
      const [keyword] = step as [string];
      const same = keyword === "dependencies" || [...ONE, ...LIST].some((each) => each === keyword);
      if (same && isObject(child)) leads.push({ to: child, path: [...path, ...step] });
      // Definitions that nothing refers to are checked too: a mistake in one is a mistake.
      if (keyword === "definitions") compiler.schema(child, [...path, ...step]);
    }
    checks.set(schema, all(keywordsOf(schema, path, compiler)));
  }
  if (problems.length === 0) {
    const loop = findLoop(document, sameValue);
    if (loop !== undefined) {
      compiler.complain(loop, "leads back to the same schema for the same value, without end");
    }
  }
  return problems.length > 0 ? { problems } : { check: root };
}

/** Problems of one schema after which no more are looked for. */
const MOST = 100;

function pathOf(references: References, schema: JsonObject): Path {
  for (const [each, { path }] of references.schemas) if (each === schema) return path;
  return [];
}

function all(checks: readonly Check[]): Check {
  const [first, second] = checks;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  return (value: Json, place: Place | undefined, checking: Checking) => {
    let passed = true;
    for (const check of checks) {
      if (check(value, place, checking)) continue;
      passed = false;
      if (checking.hurried) break;
    }
    return passed;
  };
}

/** A way from a schema back to itself on which the value does not change. */
function findLoop(
  root: JsonObject,
  sameValue: ReadonlyMap<JsonObject, { to: JsonObject; path: Path }[]>,
): Path | undefined {
  const done = new Set<JsonObject>();
  for (const start of [root, ...sameValue.keys()]) {
    const under = new Set<JsonObject>();
    const stack: { schema: JsonObject; next: number }[] = [];
    const open = (schema: JsonObject) => {
      under.add(schema);
      stack.push({ schema, next: 0 });
    };
    if (!done.has(start)) open(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const lead = sameValue.get(top.schema)?.[top.next];
      top.next += 1;
      if (lead === undefined) {
        under.delete(top.schema);
        done.add(top.schema);
        stack.pop();
      } else if (under.has(lead.to)) return lead.path;
      else if (!done.has(lead.to)) open(lead.to);
    }
  }
  return undefined;
}
