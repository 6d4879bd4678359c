import type { Node } from "./ast";
import { type Compiled, type Context, isShallow } from "./compiled";
import { flat } from "./result";
import type { Run } from "./runtime";
import type { Frame } from "./scope";
import { boundGrowth, CONSTRUCTED, mark } from "./values";

/** `[…]`: values of sub-expressions opened into one array, except those that are written as arrays themselves. */
export function compileArray(node: Node, scope: Frame | null, context: Context): Compiled {
  let ofDocument = true;
  const items = (node.expressions ?? []).map((item) => {
    const compiled = context.compile(item, scope);
    const nested = item.value === "[";
    ofDocument &&= !nested && isShallow(compiled);
    return { run: compiled.run, nested };
  });
  const constructed = node.consarray === true;
  const run: Run = (input, env, rt) => {
    const made: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as (typeof items)[number];
      const value = item.run(input, env, rt);
      if (value === undefined) continue;
      if (item.nested || !Array.isArray(value)) made.push(value);
      else {
        boundGrowth(rt, made.length, value.length);
        for (let at = 0; at < value.length; at++) made.push(value[at]);
      }
    }
    return constructed ? mark(made, CONSTRUCTED) : made;
  };
  return { run, cost: items.length + 1, kind: "any", tidy: ofDocument && !constructed ? flat : undefined };
}
