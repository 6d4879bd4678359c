import type { Problem } from "./errors";
import { pointer } from "./json-path";
import { MAX_JSON_DEPTH } from "./limits";

/** Problems of this kind told of one document: each is a mistake of its own kind, or an attack. */
const MAX_TOLD = 20;

/**
 * What must not come near a schema: nesting that recursion could not bear (a document that contains itself looks so,
 * too), and fields called `__proto__`, which schemas pass over in silence and assignments would take for the
 * prototype.
 */
export function documentProblems(document: unknown): Problem[] {
  const problems: Problem[] = [];
  const steps: (string | number)[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || problems.length >= MAX_TOLD) return;
    if (steps.length >= MAX_JSON_DEPTH) {
      // Only the way in: the whole would be a page long.
      const path = pointer(...steps.slice(0, 10));
      problems.push({
        path,
        reason: `what stands here is nested more than ${MAX_JSON_DEPTH} levels deep (MAX_JSON_DEPTH)`,
      });
      return;
    }
    const list = Array.isArray(value);
    for (const name of Object.keys(value)) {
      steps.push(list ? Number(name) : name);
      if (name === "__proto__") {
        problems.push({ path: pointer(...steps), reason: "`__proto__` cannot be a name; choose another" });
      } else visit((value as Record<string, unknown>)[name]);
      steps.pop();
    }
  };
  visit(document);
  return problems;
}
