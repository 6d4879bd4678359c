/** How the nodes of a graph stand to each other. */
export interface GraphOrder {
  /** All nodes, each after all that lead to it; those of a cycle in some order. */
  order: string[];
  /** Cycles, each from a node back to itself; not all of them where they share nodes. */
  cycles: string[][];
  /** Nodes that no way from the start leads to. */
  unreached: string[];
}

/** Cycles told of one graph: whoever sees ten repairs them before asking for more. */
const MAX_CYCLES = 10;

/**
 * Orders a graph depth first, each connection looked at once. The stack is a list of our own: a chain of nodes may be
 * longer than what recursion can bear.
 * @param start where items come in; without it every node may be one where they do
 */
export function orderNodes(
  names: readonly string[],
  start: string | undefined,
  successors: (name: string) => readonly string[],
): GraphOrder {
  const finished: string[] = [];
  const cycles: string[][] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (root: string): void => {
    const trail: { name: string; next: readonly string[]; position: number }[] = [];
    const open = (name: string) => {
      state.set(name, "open");
      trail.push({ name, next: successors(name), position: 0 });
    };
    open(root);
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const next = top.next[top.position];
      top.position += 1;
      if (next === undefined) {
        trail.pop();
        state.set(top.name, "done");
        finished.push(top.name);
        continue;
      }
      const seen = state.get(next);
      if (seen === undefined) open(next);
      else if (seen === "open" && cycles.length < MAX_CYCLES) {
        const from = trail.findIndex(({ name }) => name === next);
        cycles.push([...trail.slice(from).map(({ name }) => name), next]);
      }
    }
  };
  if (start !== undefined) visit(start);
  const unreached = start === undefined ? [] : names.filter((name) => !state.has(name));
  for (const name of names) if (!state.has(name)) visit(name);
  return { order: finished.reverse(), cycles, unreached };
}
