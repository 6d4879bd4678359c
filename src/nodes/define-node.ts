import type { z } from "zod";
import type { NodeType } from "../engine/node-type";

/** Declares a node type; types follow from its schema and from what `prepare` returns. */
export function defineNode<Schema extends z.ZodType, Prepared>(
  node: NodeType<z.output<Schema>, Prepared> & { config: Schema },
): NodeType<z.output<Schema>, Prepared> {
  return node;
}
