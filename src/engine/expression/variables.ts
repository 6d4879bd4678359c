import { childrenOf, leftOf, type Node } from "./ast";

/** Every place of a tree that gives a variable a value. */
export function boundNames(node: Node): string[] {
  const names: string[] = [];
  const visit = (at: Node) => {
    if (at.type === "bind") names.push(String(leftOf(at).value));
    if (at.focus !== undefined) names.push(at.focus);
    if (at.index !== undefined) names.push(at.index);
    for (const stage of at.stages ?? []) if (stage.type === "index") names.push(String(stage.value));
    if (at.type === "lambda" && !at.thunk) {
      for (const parameter of at.arguments ?? []) names.push(String(parameter.value));
    }
    for (const child of childrenOf(at)) visit(child);
  };
  visit(node);
  return names;
}

/**
 * Fields that a tree reads of a variable which the host gives a value: `rate` of `$constants.rate`. The empty name stands
 * for all of them at once, where the variable is used as a whole, or a part of the tree gives its name another meaning.
 */
export function fieldsOfVariable(tree: Node, name: string): ReadonlySet<string> {
  const fields = new Set<string>();
  const isVariable = (node: Node | undefined) => node?.type === "variable" && node.value === name;
  const visit = (node: Node) => {
    const [first, second] = node.type === "path" ? (node.steps ?? []) : [];
    if (isVariable(node)) fields.add("");
    for (const child of childrenOf(node)) {
      if (child === first && isVariable(first) && second?.type === "name") {
        fields.add(String(second.value));
        for (const inner of childrenOf(first)) visit(inner);
      } else visit(child);
    }
  };
  visit(tree);
  if (fields.size > 0 && boundNames(tree).includes(name)) fields.add("");
  return fields;
}
