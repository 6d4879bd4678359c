import { deserialize, serialize } from "node:v8";
import type { Json } from "../../src/domain/json";
import type { Emission } from "../../src/engine/emission";
import type { Item } from "../../src/engine/item";
import type { StepStore } from "../../src/engine/ports";
import { SmallMap } from "../../src/engine/small-map";

/** The process died: nothing after this happens. */
export class Crash extends Error {}

type Stored = Omit<Emission, "results"> & { results: [string, Item[]][] };

function read({ results, failures }: Stored): Emission {
  return { results: SmallMap.of(results), failures };
}

/** Keeps steps as bytes, as a real one would, so that nothing is shared with the run; and can die after any of them. */
export class FakeStepStore implements StepStore {
  readonly steps = new Map<string, Buffer>();
  /** Paths in the order in which they were written. */
  readonly written: string[] = [];
  /** Writes that succeed before the process dies. */
  crashAfter = Number.POSITIVE_INFINITY;
  /** Answers of effects, by step and key. */
  readonly effects = new Map<string, Json>();
  readonly #slow: boolean;

  constructor(options: { slow?: boolean } = {}) {
    this.#slow = options.slow ?? false;
  }

  read(path: string): Emission | undefined | Promise<Emission | undefined> {
    const stored = this.steps.get(path);
    const emission = stored === undefined ? undefined : read(deserialize(stored) as Stored);
    return this.#slow ? Promise.resolve(emission) : emission;
  }

  write(path: string, emission: Emission): void | Promise<void> {
    if (this.written.length >= this.crashAfter) throw new Crash();
    if (this.steps.has(path)) throw new Error(`the step "${path}" was finished before`);
    this.written.push(path);
    const stored: Stored = { ...emission, results: [...emission.results] };
    this.steps.set(path, serialize(stored));
    if (this.#slow) return Promise.resolve();
  }

  readEffect(path: string, key: string): Json | undefined {
    return this.effects.get(`${path}#${key}`);
  }

  writeEffect(path: string, key: string, answer: Json): void {
    this.effects.set(`${path}#${key}`, structuredClone(answer));
  }
}
