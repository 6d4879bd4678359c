import type { NamesRead } from "../../src/engine/plan";
import type { RunInput } from "../../src/engine/run-context";

/** A request that is there already: its view has whatever the test gave it. */
export class FakeInput implements RunInput {
  readonly view: Record<string, unknown>;
  /** What the plans asked for, in order. */
  readonly needed: NamesRead[] = [];

  constructor(view: Record<string, unknown> = {}) {
    this.view = view;
  }

  need(names: NamesRead): void {
    this.needed.push(names);
  }
}
