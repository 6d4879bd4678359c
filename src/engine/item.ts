import type { Json } from "../domain/json";

/** The outputs of the nodes that an item came through, newest first: a list that items share, never changed. */
export interface Way {
  readonly node: string;
  readonly value: Json;
  readonly before: Way | undefined;
}

/** Why an item came to a node by an `error` result. Expressions see it as `last`. */
export interface ItemFailure {
  readonly code: string;
  readonly message: string;
  readonly node: string;
}

/** What travels through a flow: a JSON value, the input record it stems from, and its way. Immutable. */
export interface Item {
  readonly value: Json;
  /** Index of the input record, or `WHOLE_SET` when it was made of several. */
  readonly record: number;
  readonly way: Way | undefined;
  readonly failure: ItemFailure | undefined;
}

/** The `record` of an item that belongs to no single input record. */
export const WHOLE_SET = -1;

export function newItem(value: Json, record: number, way?: Way): Item {
  return { value, record, way, failure: undefined };
}

/** The newest output of `node` on an item's way; `undefined` when the item did not come through it. */
export function outputOnWay(way: Way | undefined, node: string): Json | undefined {
  for (let step = way; step !== undefined; step = step.before) if (step.node === node) return step.value;
  return undefined;
}

/** The record that a result made of several items belongs to: theirs when they share one, else the whole set. */
export function sharedRecord(items: readonly Item[], otherwise: number): number {
  const first = items[0];
  if (first === undefined) return otherwise;
  for (const item of items) if (item.record !== first.record) return WHOLE_SET;
  return first.record;
}

/** The way of an item that enters a loop: it goes on from where the loop's own item came. */
export function enterLoop(way: Way | undefined, node: string, value: Json): Way {
  return { node, value, before: way };
}
