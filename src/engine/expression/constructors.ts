import type { Node } from "./ast";
import { type Compiled, type Context, isShallow, type Tidy } from "./compiled";
import { asItIs, flat, shallow } from "./result";
import type { Run } from "./runtime";
import type { Frame } from "./scope";
import { boundGrowth, CONSTRUCTED, mark } from "./values";

/** `[…]`: values of sub-expressions opened into one array, except those that are written as arrays themselves. */
export function compileArray(node: Node, scope: Frame | null, context: Context): Compiled {
  const compiled = (node.expressions ?? []).map((item) => context.compile(item, scope));
  const nodes = node.expressions ?? [];
  const items = compiled.map(({ run }, index) => ({ run, nested: nodes[index]?.value === "[" }));
  const constructed = node.consarray === true;
  const run: Run = (input, env, rt) => {
    let made: unknown[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as (typeof items)[number];
      const value = item.run(input, env, rt);
      if (value === undefined) continue;
      if (item.nested || !Array.isArray(value)) made.push(value);
      else {
        boundGrowth(rt, made.length, value.length);
        if (made.length === 0) made = value.slice();
        else for (let at = 0; at < value.length; at++) made.push(value[at]);
      }
    }
    return constructed ? mark(made, CONSTRUCTED) : made;
  };
  const tidy = constructed || items.some(({ nested }) => nested) ? undefined : tidyOf(nodes, compiled);
  return { run, cost: items.length + 1, kind: "any", tidy };
}

/** What the elements of an array may be whose parts are opened into it, by what is known of the parts. */
function tidyOf(nodes: readonly Node[], parts: readonly Compiled[]): Tidy | undefined {
  if (!parts.every(isShallow)) return undefined;
  // What a path takes from the document is plain; elsewhere numbers may have been computed.
  const taken = parts.every(({ tidy }, index) => tidy === shallow && nodes[index]?.type === "path");
  return taken ? asItIs : flat;
}
