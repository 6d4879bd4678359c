import { SECRETS_NAME } from "../domain/names";
import type { Evaluation, Scope } from "./expression";
import { type Item, outputOnWay, type Way } from "./item";
import type { NamesRead } from "./plan";
import type { RunContext } from "./run-context";

/** Who knows the URLs at which nodes of the flow may be called back. */
interface CallbackUrls {
  /** By node name; `undefined` where there are none. */
  callbacks(): Record<string, string> | undefined;
}

/**
 * What a node's expressions see, for one item at a time: `input`, `item`, `last`, `run`, and by name the outputs of the
 * earlier nodes that this item came through.
 *
 * One scope object serves all items of a node, since evaluation is synchronous and its results never hold the scope
 * itself. Expressions that may read anything (`$$`, a wildcard at the root) could, so they get a new one each time.
 */
export class Frame {
  readonly evaluation: Evaluation;
  scope: Scope;
  readonly #run: RunContext;
  readonly #nodes: readonly string[];
  readonly #all: boolean;
  readonly #secrets: boolean;
  readonly #urls: CallbackUrls | undefined;

  constructor(run: RunContext, names: NamesRead, nodes: readonly string[], urls?: CallbackUrls) {
    this.#run = run;
    this.#urls = urls;
    this.#nodes = nodes;
    this.#all = names.all;
    this.#secrets = names.secrets.size > 0;
    this.evaluation = run.evaluation;
    this.scope = { input: run.input.view, item: undefined, last: undefined };
    if (this.#secrets) this.scope[SECRETS_NAME] = run.secrets;
    if (names.all || names.roots.has("run")) this.scope.run = this.#describeRun();
    for (const node of nodes) this.scope[node] = undefined;
  }

  /** Turns the scope to `item`. */
  at(item: Item): this {
    if (this.#all) {
      this.scope = this.#everything(item);
      return this;
    }
    const scope = this.scope;
    scope.item = item.value;
    scope.last = item.failure ?? item.value;
    for (const node of this.#nodes) scope[node] = outputOnWay(item.way, node);
    return this;
  }

  #describeRun(): Record<string, unknown> {
    const callbacks = this.#urls?.callbacks();
    const described = this.#run.describe();
    return callbacks === undefined ? described : { ...described, callbacks };
  }

  #everything(item: Item): Scope {
    const scope: Scope = {
      input: this.#run.input.view,
      item: item.value,
      last: item.failure === undefined ? item.value : { ...item.failure },
      run: this.#describeRun(),
    };
    if (this.#secrets) scope[SECRETS_NAME] = this.#run.secrets;
    const seen = new Set<string>();
    for (let step: Way | undefined = item.way; step !== undefined; step = step.before) {
      if (seen.has(step.node)) continue;
      seen.add(step.node);
      scope[step.node] = step.value;
    }
    return scope;
  }
}
