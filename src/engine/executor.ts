import type { Problem } from "../domain/errors";
import type { Json } from "../domain/json";
import { ITEM_FUEL, MAX_FLOW_DEPTH, NODE_FUEL } from "../domain/limits";
import type { RunOutcome } from "../domain/run";
import type { Shape } from "../domain/shape";
import { type Emission, outputSink, RESPONSE_SINK } from "./emission";
import { FlowError, RunStopped, RunSuspended } from "./errors";
import { type Item, type ItemFailure, newItem, WHOLE_SET } from "./item";
import { after, eachConcurrently, isPromise, type MaybePromise } from "./maybe-promise";
import { type GraphResult, type GraphRunner, NodeRun, originOf, type Place, type Ports } from "./node-run";
import { outcome, stoppedOutcome } from "./outcome";
import type { Graph, Plan, PlanNode, Source } from "./plan";
import type { StepStore } from "./ports";
import type { RunContext } from "./run-context";
import { SmallMap } from "./small-map";
import { stored } from "./stored";

/*
 * Invariants:
 * 1. A node runs at most once in an execution of its graph, after every node that leads to it.
 * 2. What a node takes in is computed from stored emissions only; nothing else is state. So an execution can be taken
 *    up again from the emissions of the nodes that finished.
 * 3. Items are never changed, so copies of an item are the item itself.
 * 4. Nothing here waits unless a node does: a flow of pure nodes runs without a promise.
 * 5. A node that waits holds up only what comes after it: nodes that do not depend on it run before the execution
 *    unwinds, so one branch can send out the address at which another waits to be called.
 * 6. What a step said in the console is stored with it, so a step that is read instead of run says nothing again.
 */

/** Where a triggered flow stands. */
const TOP: Place = { path: "", steps: "", depth: 0 };

/** Runs a plan on the given values, each a record of its own, the first of them numbered `first`. */
function executePlan(
  plan: Plan,
  values: readonly Json[],
  run: RunContext,
  first: number,
  place: Place,
): MaybePromise<GraphResult> {
  run.input.need(plan.names);
  const seeds =
    values.length === 1
      ? [newItem(values[0] as Json, first)]
      : values.map((value, index) => newItem(value, first + index));
  return new Execution(plan, plan.graph, run, place).execute(seeds);
}

/**
 * Runs a whole flow for one trigger and says how it ended. Records travel one by one, each through a graph of its own:
 * in order, or `concurrency` at once and in the order in which they finish. Never throws for anything that the flow or
 * its input did.
 * @throws RunInterrupted when the host goes on with it later, or can keep no steps; the run has not ended then
 */
export function runFlow(
  plan: Plan,
  records: readonly Json[],
  run: RunContext,
  concurrency = 1,
): MaybePromise<RunOutcome> {
  run.environmentId = plan.key.environmentId;
  run.key = plan.flow;
  try {
    if (plan.recordsPath === undefined && records.length === 1) {
      const result = executePlan(plan, records, run, 0, TOP);
      if (!isPromise(result)) return outcome(plan, result, run, 1);
      return settle(result, (later) => outcome(plan, later, run, 1), plan, run);
    }
    const failures = new Map<number, ItemFailure>();
    const all: GraphResult = { outputs: new SmallMap(), returned: [], response: undefined, failures };
    const done = eachConcurrently(records, concurrency, (record, index) => {
      run.check();
      run.node = undefined;
      run.record = index;
      const misfit =
        plan.inputShapes.body === undefined ? undefined : recordFailure(plan.inputShapes.body, record);
      if (misfit !== undefined) {
        failures.set(index, misfit);
        run.message("error", misfit.message);
        return;
      }
      const place = run.host.steps === undefined ? TOP : { ...TOP, steps: `[${index}]/` };
      return after(executePlan(plan, [record], run, index, place), (result) => join(all, failures, result));
    });
    return settle(done, () => outcome(plan, all, run, records.length), plan, run);
  } catch (error) {
    return stoppedOutcome(plan, error, run);
  }
}

/** What keeps a record that travels alone from entering the flow: it fails by itself. */
function recordFailure(shape: Shape, record: Json): ItemFailure | undefined {
  const problems: Problem[] = [];
  if (shape.validate(record, "", problems)) return undefined;
  const message = problems
    .map(({ path, reason }) => (path === "" ? reason : `${path}: ${reason}`))
    .join("; ");
  return { code: "input_shape", message, node: "" };
}

function settle<T>(
  pending: MaybePromise<T>,
  ended: (value: T) => RunOutcome,
  plan: Plan,
  run: RunContext,
): MaybePromise<RunOutcome> {
  if (!isPromise(pending)) return ended(pending);
  return pending.then(ended).catch((error: unknown) => stoppedOutcome(plan, error, run));
}

/** Adds what one record brought to what the records before it did. */
function join(all: GraphResult, failures: Map<number, ItemFailure>, result: GraphResult): void {
  for (const [output, items] of result.outputs) {
    const present = all.outputs.get(output);
    if (present === undefined) all.outputs.set(output, items);
    else for (const item of items) present.push(item);
  }
  for (const [record, failure] of result.failures) failures.set(record, failure);
  if (
    result.response !== undefined &&
    (all.response === undefined || result.response.record < all.response.record)
  ) {
    all.response = result.response;
  }
}

class Execution implements GraphRunner {
  readonly #plan: Plan;
  readonly #graph: Graph;
  readonly #run: RunContext;
  readonly #place: Place;
  readonly #emissions: (Emission | undefined)[];
  #failures: Map<number, ItemFailure> | undefined;
  #seeds: readonly Item[] = [];
  #onlyRecord = WHOLE_SET;
  /** Nodes that wait, and those that depend on them; the execution unwinds when nothing else is left to do. */
  #held: Set<number> | undefined;
  #suspended: RunSuspended | undefined;

  constructor(plan: Plan, graph: Graph, run: RunContext, place: Place) {
    this.#plan = plan;
    this.#graph = graph;
    this.#run = run;
    this.#place = place;
    this.#emissions = new Array(graph.nodes.length);
  }

  execute(seeds: readonly Item[]): MaybePromise<GraphResult> {
    this.#seeds = seeds;
    if (seeds.length === 1) this.#onlyRecord = (seeds[0] as Item).record;
    const pending = this.#from(0);
    return isPromise(pending) ? pending.then(() => this.#result()) : this.#result();
  }

  loop(graph: Graph, seed: Item, iteration: string): MaybePromise<GraphResult> {
    const place = { ...this.#place, path: `${this.#place.path}${iteration}/` };
    return new Execution(this.#plan, graph, this.#run, place).execute([seed]);
  }

  callbacks(): Record<string, string> | undefined {
    const port = this.#run.host.callbacks;
    if (port === undefined || this.#plan.callbacks.length === 0) return undefined;
    // Nodes that wait stand at the top of their flow, wherever in it someone asks.
    const { path, steps } = this.#place;
    const top = steps + path.slice(0, path.lastIndexOf(">") + 1);
    return Object.fromEntries(this.#plan.callbacks.map((name) => [name, port.url(top + name)]));
  }

  flow(
    name: string,
    values: readonly Json[],
    callers: readonly Item[],
    nodePath: string,
  ): MaybePromise<GraphResult> {
    const depth = this.#place.depth + 1;
    if (depth > MAX_FLOW_DEPTH) {
      throw new RunStopped(
        "limit",
        "flow_depth",
        `flows may call flows ${MAX_FLOW_DEPTH} deep (MAX_FLOW_DEPTH), and calling "${name}" goes past that; does a flow call itself without end?`,
      );
    }
    return after(this.#run.host.flow(this.#plan, name), (plan) => {
      if (plan === undefined) {
        throw new FlowError("unknown_flow", `there is no flow "${name}" in this project any more`);
      }
      const origins = callers.map((item) => originOf(this.#place, item.record));
      const place: Place = { path: `${nodePath}>`, steps: this.#place.steps, depth, origins };
      return executePlan(plan, values, this.#run, 0, place);
    });
  }

  #from(first: number): MaybePromise<void> {
    for (let index = first; index < this.#graph.nodes.length; index += 1) {
      if (this.#held !== undefined && this.#isHeld(index)) continue;
      try {
        const pending = this.#step(this.#graph.nodes[index] as PlanNode);
        if (isPromise(pending)) {
          return pending.then(
            () => this.#from(index + 1),
            (error: unknown) => {
              this.#hold(index, error);
              return this.#from(index + 1);
            },
          );
        }
      } catch (error) {
        this.#hold(index, error);
      }
    }
    if (this.#suspended !== undefined) throw this.#suspended;
  }

  /** Goes on without a node that waits. @throws any other error */
  #hold(index: number, error: unknown): void {
    if (!(error instanceof RunSuspended)) throw error;
    this.#suspended ??= error;
    this.#held ??= new Set();
    this.#held.add(index);
  }

  /** Whether a node takes something from one that is held, and so is held itself. */
  #isHeld(index: number): boolean {
    const held = this.#held as Set<number>;
    const isHeld = (this.#graph.nodes[index] as PlanNode).sources.some(({ from }) => held.has(from));
    if (isHeld) held.add(index);
    return isHeld;
  }

  #step(node: PlanNode): MaybePromise<void> {
    const ports = this.#gather(node);
    if (ports === undefined) return;
    const steps = this.#run.host.steps;
    if (steps !== undefined) return this.#storedStep(node, ports, steps);
    const emission = this.#perform(node, ports);
    if (isPromise(emission)) return emission.then((later) => this.#keep(node, later, true));
    this.#keep(node, emission, true);
  }

  /** A step of a durable run: read where it was stored before, else performed and stored. */
  #storedStep(node: PlanNode, ports: Ports, steps: StepStore): MaybePromise<void> {
    const name = this.#place.path + node.name;
    const path = this.#place.steps + name;
    return after(
      stored(() => steps.read(path)),
      (finished) => {
        if (finished !== undefined) return this.#keep(node, finished, false);
        return after(this.#perform(node, ports), (emission) => {
          this.#keep(node, emission, true);
          // Records that travel alone share the names of nodes, but not their messages.
          const record = this.#place.steps === "" ? undefined : this.#onlyRecord;
          return stored(() => steps.write(path, emission, this.#run.unstoredMessages(name, record)));
        });
      },
    );
  }

  #perform(node: PlanNode, ports: Ports): MaybePromise<Emission> {
    const run = this.#run;
    run.check();
    let cost = NODE_FUEL;
    for (let index = 0; index < ports.size; index += 1) cost += ports.valueAt(index).length * ITEM_FUEL;
    run.node = this.#place.path + node.name;
    run.record = undefined;
    run.spend(cost);
    const nodeRun = new NodeRun(node, run, this, ports, this.#onlyRecord, this.#place);
    try {
      const pending = node.type.run(nodeRun);
      if (isPromise(pending)) {
        return run.bounded(pending).then(
          () => nodeRun.emission,
          (error: unknown) => {
            nodeRun.failRest(error);
            return nodeRun.emission;
          },
        );
      }
    } catch (error) {
      nodeRun.failRest(error);
    }
    return nodeRun.emission;
  }

  #keep(node: PlanNode, emission: Emission, tell: boolean): void {
    this.#emissions[node.index] = emission;
    for (const { record, ...failure } of emission.failures) {
      this.#failures ??= new Map();
      if (this.#failures.has(record)) continue;
      this.#failures.set(record, failure);
      if (!tell) continue;
      this.#run.message("error", failure.message, {
        node: failure.node,
        record: originOf(this.#place, record),
      });
    }
  }

  /** What the node's connections bring, by port; `undefined` when none of them is live. */
  #gather(node: PlanNode): Ports | undefined {
    if (node.index === this.#graph.start)
      return new SmallMap<readonly Item[]>().set("in", this.#standing(this.#seeds));
    let ports: Ports | undefined;
    for (const source of node.sources) {
      const items = this.#emissions[source.from]?.results.get(source.result);
      if (items === undefined) continue;
      ports ??= new SmallMap();
      const present = ports.get(source.port);
      ports.set(source.port, present === undefined ? items : inRecordOrder([...present, ...items]));
    }
    if (ports !== undefined && this.#failures !== undefined) {
      for (const [port, items] of ports) ports.set(port, this.#standing(items));
    }
    return ports;
  }

  /** Those of the items whose record has not failed. */
  #standing(items: readonly Item[]): readonly Item[] {
    const failures = this.#failures;
    if (failures === undefined) return items;
    if (failures.has(WHOLE_SET)) return [];
    return items.filter((item) => !failures.has(item.record));
  }

  #collect(sources: readonly Source[]): Item[] {
    if (sources.length === 0) return [];
    const items: Item[] = [];
    for (const { from, result } of sources) {
      for (const item of this.#emissions[from]?.results.get(result) ?? []) items.push(item);
    }
    return inRecordOrder([...this.#standing(items)]);
  }

  #result(): GraphResult {
    const outputs = new SmallMap<Item[]>();
    let response: Item | undefined;
    for (const node of this.#graph.nodes) {
      const results = this.#emissions[node.index]?.results;
      for (const output of node.outputs) {
        const items = this.#standing(results?.get(outputSink(output)) ?? []);
        const present = outputs.get(output);
        outputs.set(output, present === undefined ? [...items] : inRecordOrder([...present, ...items]));
      }
      const responses = results?.get(RESPONSE_SINK);
      if (responses === undefined) continue;
      for (const item of this.#standing(responses)) {
        if (response === undefined || item.record < response.record) response = item;
      }
    }
    return {
      outputs,
      returned: this.#collect(this.#graph.returns),
      response,
      failures: this.#failures ?? NO_FAILURES,
    };
  }
}

/** Shared by all executions in which no record failed; nobody writes to a result's failures. */
const NO_FAILURES: GraphResult["failures"] = new Map();

/** Sorts by record, keeping the order within each; most sets are in order already. */
function inRecordOrder(items: Item[]): Item[] {
  for (let index = 1; index < items.length; index += 1) {
    if ((items[index] as Item).record < (items[index - 1] as Item).record) {
      return items.sort((left, right) => left.record - right.record);
    }
  }
  return items;
}
