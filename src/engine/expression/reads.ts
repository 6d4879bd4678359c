import { childrenOf, leftOf, type Node, pairsOf } from "./ast";
import { LIBRARY } from "./functions/library";

/** Which parts of the document an expression can read: paths from the root, or everything. */
export interface Reads {
  all: boolean;
  paths: readonly (readonly string[])[];
}

/** Where a value may come from: paths from the root. None means from nowhere in the document. */
type Origins = readonly (readonly string[])[];

/**
 * Follows the context through the tree. A path is recorded where its value is used, so `rows[active].amount` reads
 * `rows.active` and `rows.amount`, not all of `rows`. Whatever cannot be followed reads its whole context.
 */
export function readsOf(tree: Node): Reads {
  const found = new Map<string, readonly string[]>();
  const use = (origins: Origins) => {
    for (const path of origins) found.set(JSON.stringify(path), path);
  };
  const contextual = usesContext(tree);

  /** Walks a node whose value is used; its own reads are recorded. */
  const value = (node: Node, context: Origins): void => {
    use(origin(node, context));
  };

  const origin = (node: Node, context: Origins): Origins => {
    const from = plainOrigin(node, context);
    for (const stage of node.predicate ?? []) if (stage.type === "filter") value(stage.expr, from);
    if (!node.group || node.type === "path") return from;
    for (const [key, member] of node.group.lhs) {
      value(key, from);
      value(member, from);
    }
    return [];
  };

  const plainOrigin = (node: Node, context: Origins): Origins => {
    switch (node.type) {
      case "path":
        return pathOrigin(node, context);
      case "name":
        return context.map((path) => [...path, String(node.value)]);
      case "variable":
        if (node.value === "") return context;
        return node.value === "$" ? [[]] : [];
      case "wildcard":
      case "descendant":
        // What comes after them may lie anywhere below.
        use(context);
        return [];
      case "parent":
        return [[]];
      case "condition":
        value(node.condition as Node, context);
        return [...origin(node.then as Node, context), ...(node.else ? origin(node.else, context) : [])];
      case "block": {
        const expressions = node.expressions ?? [];
        for (const expression of expressions.slice(0, -1)) value(expression, context);
        const last = expressions.at(-1);
        return last ? origin(last, context) : [];
      }
      case "transform":
        // Its parts see a copy of whatever the transform is applied to, which has been read by then.
        for (const part of [node.pattern, node.update, node.delete]) if (part) value(part, []);
        return [];
      case "function":
      case "partial":
        if (takesContext(node) || contextual) use(context);
        break;
      case "unary":
        if (node.value === "{") {
          for (const [key, member] of pairsOf(node)) {
            value(key, context);
            value(member, context);
          }
          return [];
        }
        break;
      case "apply":
        value(leftOf(node), context);
        value(node.rhs as Node, context);
        return [];
      default:
    }
    for (const child of childrenOf({ ...node, predicate: [], stages: [] })) value(child, context);
    return [];
  };

  const pathOrigin = (node: Node, context: Origins): Origins => {
    let at = context;
    const steps = node.steps ?? [];
    // Variables bound to items of the path hold whole items.
    if (steps.some((step) => step.tuple)) use(context);
    for (const step of steps) {
      if (step.type === "sort") for (const term of step.terms ?? []) value(term.expression, at);
      else at = origin({ ...step, stages: [] }, at);
      for (const stage of step.stages ?? []) if (stage.type === "filter") value(stage.expr, at);
    }
    if (!node.group) return at;
    for (const [key, member] of node.group.lhs) {
      value(key, at);
      value(member, at);
    }
    return [];
  };

  value(tree, [[]]);
  const paths = [...found.values()];
  if (paths.some((path) => path.length === 0)) return { all: true, paths: [] };
  return { all: false, paths: paths.filter((path) => !paths.some((other) => isAbove(other, path))) };
}

/** A path above another covers it. */
function isAbove(other: readonly string[], path: readonly string[]): boolean {
  return other.length < path.length && other.every((name, index) => name === path[index]);
}

/** Whether a call leaves an argument to the context. */
function takesContext(node: Node): boolean {
  const procedure = node.procedure as Node;
  if (procedure.type !== "variable") return false;
  const native = LIBRARY.get(String(procedure.value));
  if (!native) return false;
  return native.signature.usesContext && (node.arguments ?? []).length < native.signature.parameters.length;
}

/** Whether any function of the expression's own asks for the context in its signature. */
function usesContext(node: Node): boolean {
  if (node.signature?.definition.includes("-")) return true;
  return childrenOf(node).some(usesContext);
}
