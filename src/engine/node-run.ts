import { FormatError } from "../domain/format-error";
import type { Json } from "../domain/json";
import { MAX_ITEMS } from "../domain/limits";
import type { Emission } from "./emission";
import { FlowError, RunInterrupted, RunStopped } from "./errors";
import { ExpressionError } from "./expression";
import { Frame } from "./frame";
import { type Item, type ItemFailure, sharedRecord, WHOLE_SET } from "./item";
import { after, eachConcurrently, isPromise, type MaybePromise } from "./maybe-promise";
import type { Graph, PlanNode } from "./plan";
import type { RunContext } from "./run-context";
import { SmallMap } from "./small-map";
import { stored } from "./stored";

/** How a graph ended: the inside of a loop, or a called flow. */
export interface GraphResult {
  /** Items by output connection point; every connected one is present. */
  outputs: SmallMap<Item[]>;
  /** Items handed back with `return`. */
  returned: Item[];
  response: Item | undefined;
  /** The first failure of each record that failed; `WHOLE_SET` for the run's own. */
  failures: ReadonlyMap<number, ItemFailure>;
}

/** What the executor lends to nodes that run other graphs. */
export interface GraphRunner {
  /** The URLs at which nodes of the flow may be called back, by node name; `undefined` where there are none. */
  callbacks(): Record<string, string> | undefined;
  /** Runs the inside of a loop on one item; `iteration` tells its steps from those of other turns. */
  loop(graph: Graph, seed: Item, iteration: string): MaybePromise<GraphResult>;
  /** Runs the current version of a flow of this project. Each value is a record of its own there, by its index. */
  flow(
    name: string,
    values: readonly Json[],
    callers: readonly Item[],
    nodePath: string,
  ): MaybePromise<GraphResult>;
}

/** Where an execution of a graph stands in its run. */
export interface Place {
  /** Path of names that leads here: `""`, `each[0.0.2]/`, `quote>`. */
  readonly path: string;
  /** Before the path of a stored step: tells the steps of records that travel alone apart. */
  readonly steps: string;
  /** How many flows are around this one. */
  readonly depth: number;
  /** The run's record behind each of a called flow's; absent where they are the same. */
  readonly origins?: readonly number[];
}

/** The run's own number of a record of this execution. */
export function originOf(place: Place, record: number): number {
  return place.origins === undefined || record < 0 ? record : (place.origins[record] ?? WHOLE_SET);
}

/** What came in, by port. */
export type Ports = SmallMap<readonly Item[]>;

/** One execution of one node: its settings, its items, and the ways to emit. */
export class NodeRun<Prepared = unknown> {
  readonly config: Prepared;
  /** Path of this node in this run, loop turns included. */
  readonly path: string;
  readonly run: RunContext;
  readonly graphs: GraphRunner;
  readonly emission: Emission = { results: new SmallMap(), failures: [] };
  readonly #node: PlanNode;
  readonly #ports: Ports;
  readonly #onlyRecord: number;
  readonly #place: Place;
  #frame: Frame | undefined;
  #failed: Set<Item> | undefined;

  constructor(
    node: PlanNode,
    run: RunContext,
    graphs: GraphRunner,
    ports: Ports,
    onlyRecord: number,
    place: Place,
  ) {
    this.config = node.prepared as Prepared;
    this.run = run;
    this.graphs = graphs;
    this.#node = node;
    this.#ports = ports;
    this.#onlyRecord = onlyRecord;
    this.#place = place;
    this.path = place.path + node.name;
  }

  get name(): string {
    return this.#node.name;
  }

  /** Names this execution of the node among all steps of the run. */
  get step(): string {
    return this.#place.steps + this.path;
  }

  /** Items that came in, in record order. */
  get items(): readonly Item[] {
    return this.port("in");
  }

  /** Whether a result of this node leads somewhere. */
  isRouted(result: string): boolean {
    return this.#node.routed.has(result);
  }

  port(name: string): readonly Item[] {
    return this.#ports.get(name) ?? [];
  }

  /**
   * The scope of the node's expressions, turned to `item`. It serves one item at a time: after waiting, ask again.
   */
  at(item: Item): Frame {
    if (this.#frame === undefined) {
      this.#frame = new Frame(this.run, this.#node.names, this.#node.readsNodes, this.graphs);
    }
    // Records may be under way side by side, so whose turn it is is told anew each time.
    this.run.node = this.path;
    this.run.record = originOf(this.#place, item.record);
    return this.#frame.at(item);
  }

  /**
   * Handles items in order, up to `concurrency` at once where the handler waits. What a handler throws fails its item
   * only.
   */
  each(
    items: readonly Item[],
    handle: (item: Item, index: number) => MaybePromise<void>,
    concurrency = 1,
  ): MaybePromise<void> {
    let waited = false;
    return eachConcurrently(items, concurrency, (item, index) => {
      // Looking at the clock for every item would cost more than handling it, unless handling it takes time.
      if (waited || index % 256 === 255) this.run.check();
      try {
        const pending = handle(item, index);
        if (isPromise(pending)) {
          waited = true;
          return pending.catch((error: unknown) => this.fail(item, error));
        }
      } catch (error) {
        this.fail(item, error);
      }
    });
  }

  /** Turns each item into another at once, and emits those on a result; an item whose turn throws fails. */
  map(result: string, turn: (item: Item, index: number) => Item): void {
    const emitted: Item[] = [];
    const { items } = this;
    for (let index = 0; index < items.length; index += 1) {
      if (index % 256 === 255) this.run.check();
      const item = items[index] as Item;
      try {
        emitted.push(turn(item, index));
      } catch (error) {
        this.fail(item, error);
      }
    }
    this.emit(result, emitted);
  }

  /** An item with another value, on the same way and of the same record. */
  derive(item: Item, value: Json): Item {
    return { value, record: item.record, way: item.way, failure: undefined };
  }

  /**
   * Does something with an effect outside, once: in a durable run what it answered is stored before anything after it
   * begins, and a step that is repeated is told that answer. `key` names the effect among those of this step, the same at
   * each repetition. When the run dies between an effect and its storing, the effect is repeated with the same
   * `idempotencyKey`, so that the other side can tell. One that must not be repeated gives `unknown`: that it begins is
   * stored before, and of one that had begun and has no answer `unknown` tells what is said instead.
   */
  once(
    key: string,
    act: (idempotencyKey: string) => MaybePromise<Json>,
    unknown?: () => Json,
  ): MaybePromise<Json> {
    const { steps } = this.run.host;
    const idempotencyKey = `${this.run.id}/${this.step}/${key}`;
    if (steps === undefined) return act(idempotencyKey);
    const { step } = this;
    const done = (answer: Json) =>
      after(
        stored(() => steps.writeEffect(step, key, answer)),
        () => answer,
      );
    const acted = () => {
      this.run.check();
      return after(act(idempotencyKey), done);
    };
    return after(
      stored(() => steps.readEffect(step, key)),
      (known) => {
        if (known !== undefined) return known;
        if (unknown === undefined) return acted();
        const begun = `${key} begun`;
        return after(
          stored(() => steps.readEffect(step, begun)),
          (before) =>
            before === undefined
              ? after(
                  stored(() => steps.writeEffect(step, begun, true)),
                  acted,
                )
              : done(unknown()),
        );
      },
    );
  }

  /** A new item made of several: it starts a way of its own. */
  combine(items: readonly Item[], value: Json): Item {
    return { value, record: sharedRecord(items, this.#onlyRecord), way: undefined, failure: undefined };
  }

  /** An item that goes on by a result that tells of a failure: unchanged, with the failure as its `last`. */
  failedItem(item: Item, code: string, message: string): Item {
    return { ...item, failure: { code, message, node: this.path } };
  }

  /** Emits items on a result. With none the result is live all the same: what follows it runs, on an empty set. */
  emit(result: string, items: Item[]): void {
    this.#push(result, this.#node.tracked ? items.map((item) => this.#remember(item)) : items);
  }

  #push(result: string, items: Item[]): void {
    const present = this.emission.results.get(result);
    if ((present?.length ?? 0) + items.length > MAX_ITEMS) {
      throw new RunStopped(
        "limit",
        "too_many_items",
        `node "${this.path}" emits more than ${MAX_ITEMS} items (MAX_ITEMS)`,
      );
    }
    if (present === undefined) this.emission.results.set(result, items);
    else for (const item of items) present.push(item);
  }

  /** Fails an item: to the `error` result where that leads somewhere, else its record fails. */
  fail(item: Item, error: unknown): void {
    this.#failAs(item, this.describeFailure(error));
  }

  /** Whether an item of this node failed in it. */
  hasFailed(item: Item): boolean {
    return this.#failed?.has(item) === true;
  }

  /** Fails every item that has not failed by itself: what a node throws outside any item. */
  failRest(error: unknown): void {
    const failure = this.describeFailure(error);
    for (const [, items] of this.#ports) {
      for (const item of items) if (!this.hasFailed(item)) this.#failAs(item, failure);
    }
  }

  #failAs(item: Item, failure: ItemFailure): void {
    this.#failed ??= new Set();
    this.#failed.add(item);
    // The node's name stays unknown on the way of an item that it made nothing of.
    if (this.#node.errorRouted) this.#push("error", [{ ...item, failure }]);
    else this.failRecord(item.record, failure);
  }

  /** Fails a record past every `error` result. */
  failRecord(record: number, failure: ItemFailure): void {
    this.emission.failures.push({ record, ...failure });
  }

  /**
   * What a flow may know of an error. Errors that end the run are thrown on; a bug of ours is told apart from the
   * flow's own errors, and its text stays in the log.
   */
  describeFailure(error: unknown): ItemFailure {
    if (error instanceof RunInterrupted) throw error;
    if (error instanceof RunStopped) {
      // Told to the run at once, so that what is under way beside this ends too.
      this.run.stop(error);
      throw error;
    }
    if (error instanceof ExpressionError && error.code === "fuel_exhausted") {
      return this.describeFailure(
        new RunStopped("limit", error.code, `node "${this.path}": ${error.message}`),
      );
    }
    const ours = error instanceof ExpressionError && error.code === "internal";
    if (
      !ours &&
      (error instanceof FlowError || error instanceof ExpressionError || error instanceof FormatError)
    ) {
      return {
        code: error instanceof FormatError ? "format_error" : error.code,
        message: this.run.masked(error.message),
        node: this.path,
      };
    }
    this.run.host.report(error, { runId: this.run.id, node: this.path });
    return {
      code: "internal",
      message: `node "${this.path}" failed for a reason inside Sluice; quote process id ${this.run.id}`,
      node: this.path,
    };
  }

  #remember(item: Item): Item {
    return {
      value: item.value,
      record: item.record,
      way: { node: this.#node.name, value: item.value, before: item.way },
      failure: item.failure,
    };
  }
}
