import type { Json } from "../domain/json";
import type { Emission, Failure } from "../engine/emission";
import type { Item, ItemFailure, Way } from "../engine/item";
import { SmallMap } from "../engine/small-map";

/*
 * Emissions as text. Items share ways, ways share what came before them, and both share values: with what the same step
 * emits, and with what earlier steps of the run emitted. All that is shared is written once, by the step that emitted it
 * first, and later ones refer to it. Otherwise a value that travels through ten nodes would be stored ten times, and what
 * is shared would no longer be shared after a restart.
 *
 *   { "p": [paths of other steps that are referred to],
 *     "v": [values], "w": [[node, value, way before it | null] …],
 *     "r": [[result, [[value, record, way | null, failure?] …]] …], "f": [failures] }
 *
 * A reference is an index into this text's own list, or [index into p, index into that step's list].
 *
 * Invariant: a step refers only to steps that were written before it.
 */

type Reference = number | [path: number, index: number];
type WayText = [node: string, value: Reference, before: Reference | null];
type ItemText = [value: Reference, record: number, way: Reference | null, failure?: ItemFailure];

interface EmissionText {
  p?: string[];
  v: Json[];
  w?: WayText[];
  r: [string, ItemText[]][];
  f?: Failure[];
}

/** Where something was written first. */
interface Location {
  path: string;
  index: number;
}

interface Decoded {
  values: Json[];
  ways: Way[];
  emission: Emission;
}

/** Turns the emissions of one run into texts and back. Holds what it has seen, for as long as the run is in memory. */
export class EmissionCodec {
  readonly #read: (path: string) => string | undefined;
  readonly #values = new WeakMap<object, Location>();
  readonly #ways = new WeakMap<Way, Location>();
  readonly #decoded = new Map<string, Decoded>();

  /** @param read the text of a step that was stored before */
  constructor(read: (path: string) => string | undefined) {
    this.#read = read;
  }

  encode(path: string, emission: Emission): string {
    const text: EmissionText = { v: [], r: [] };
    const paths: string[] = [];
    const ways: WayText[] = [];
    const refer = (location: Location): Reference => {
      if (location.path === path) return location.index;
      let index = paths.indexOf(location.path);
      if (index < 0) index = paths.push(location.path) - 1;
      return [index, location.index];
    };
    const value = (given: Json): Reference => {
      if (typeof given !== "object" || given === null) return text.v.push(given) - 1;
      const known = this.#values.get(given);
      if (known !== undefined) return refer(known);
      const index = text.v.push(given) - 1;
      this.#values.set(given, { path, index });
      return index;
    };
    const way = (given: Way): Reference => {
      // Written from the oldest on, in a loop: ways grow with the number of nodes.
      const unknown: Way[] = [];
      let known: Location | undefined;
      for (let step: Way | undefined = given; step !== undefined; step = step.before) {
        known = this.#ways.get(step);
        if (known !== undefined) break;
        unknown.push(step);
      }
      let reference: Reference | null = known === undefined ? null : refer(known);
      for (const step of unknown.reverse()) {
        const index: number = ways.push([step.node, value(step.value), reference]) - 1;
        this.#ways.set(step, { path, index });
        reference = index;
      }
      return reference as Reference;
    };
    for (const [result, items] of emission.results) {
      text.r.push([
        result,
        items.map((item): ItemText => {
          const parts: ItemText = [
            value(item.value),
            item.record,
            item.way === undefined ? null : way(item.way),
          ];
          if (item.failure !== undefined) parts.push(item.failure);
          return parts;
        }),
      ]);
    }
    if (paths.length > 0) text.p = paths;
    if (ways.length > 0) text.w = ways;
    if (emission.failures.length > 0) text.f = emission.failures;
    return JSON.stringify(text);
  }

  decode(path: string, source: string): Emission {
    return this.#decode(path, source).emission;
  }

  #decode(path: string, source: string): Decoded {
    const present = this.#decoded.get(path);
    if (present !== undefined) return present;
    const text = JSON.parse(source) as EmissionText;
    const others = (text.p ?? []).map((other) => this.#other(other));
    const decoded: Decoded = {
      values: text.v,
      ways: [],
      emission: { results: new SmallMap(), failures: text.f ?? [] },
    };
    const value = (reference: Reference): Json =>
      (typeof reference === "number"
        ? text.v[reference]
        : others[reference[0]]?.values[reference[1]]) as Json;
    const way = (reference: Reference | null): Way | undefined => {
      if (reference === null) return undefined;
      return typeof reference === "number"
        ? decoded.ways[reference]
        : others[reference[0]]?.ways[reference[1]];
    };
    for (const [index, each] of text.v.entries()) {
      if (typeof each === "object" && each !== null) this.#values.set(each, { path, index });
    }
    for (const [index, [node, of, before]] of (text.w ?? []).entries()) {
      const step: Way = { node, value: value(of), before: way(before) };
      decoded.ways.push(step);
      this.#ways.set(step, { path, index });
    }
    for (const [result, items] of text.r) {
      decoded.emission.results.set(
        result,
        items.map(([of, record, on, failure]): Item => ({ value: value(of), record, way: way(on), failure })),
      );
    }
    this.#decoded.set(path, decoded);
    return decoded;
  }

  #other(path: string): Decoded {
    const present = this.#decoded.get(path);
    if (present !== undefined) return present;
    const source = this.#read(path);
    if (source === undefined) throw new Error(`step "${path}" is referred to and not stored`);
    return this.#decode(path, source);
  }
}
