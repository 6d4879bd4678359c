import type { Item, ItemFailure } from "./item";
import type { SmallMap } from "./small-map";

/** A failure that no `error` result took: it fails its record. */
export interface Failure extends ItemFailure {
  readonly record: number;
}

/**
 * All that a node said in one execution. The state of a run is nothing but its nodes' emissions: what a node takes in
 * is computed from those before it, so a run can be taken up again from stored emissions alone.
 */
export interface Emission {
  /** Items by result. A result that is present with no items is live: what follows it runs, on an empty set. */
  readonly results: SmallMap<Item[]>;
  readonly failures: Failure[];
}

/** Result names under which sinks leave what they took, out of reach of any route: no result's name has a `$`. */
export const RESPONSE_SINK = "$response";
export function outputSink(output: string): string {
  return `$output:${output}`;
}
