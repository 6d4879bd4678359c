import type { RerunResult, RunView, StartRequest } from "../../domain/durable-run";
import type { FlowPointer } from "../../domain/flow-address";
import { MAX_DURABLE_RUN_MS } from "../../domain/limits";
import type { Graph, Plan } from "../../engine/plan";
import type { Host } from "../../engine/ports";
import { newMessage } from "../../engine/run-context";
import { durableExclusion } from "../../operations/admission";
import type { Catalog } from "../../operations/ports";
import { HttpRunInput } from "../../operations/run-input";
import type { Acceptance } from "./acceptance";
import type { Driver } from "./driver";
import type { Beginning, RunRow, RunStore } from "./run-store";
import type { StepRows } from "./step-rows";

export interface RerunsOptions {
  storage: DurableObjectStorage;
  runs: RunStore;
  steps: StepRows;
  acceptance: Acceptance;
  driver: Driver;
  catalog: Catalog;
  host: Host;
  view: (id: string) => RunView;
}

/** Runs ended runs once more. */
export class Reruns {
  readonly #options: RerunsOptions;

  constructor(options: RerunsOptions) {
    this.#options = options;
  }

  /** Starts an ended run as `newId`: as it was, or keeping the steps that do not depend on node `from`. */
  async start(id: string, newId: string, from: string | undefined): Promise<RerunResult> {
    const { storage, runs, steps, acceptance, driver, catalog, host, view } = this.#options;
    const row = runs.find(id);
    if (row === undefined) return { kind: "missing" };
    if (row.ended_at === null) return { kind: "running", status: row.status };
    const pointer = runs.pointer(row);
    const plan = await catalog.plan(pointer);
    const kept = from === undefined ? undefined : keptSteps(plan.graph, from);
    if (kept === "unknown") return { kind: "unknown_node", nodes: plan.graph.nodes.map(({ name }) => name) };
    const beginning = runs.beginning(id);
    const request = rerunRequest({ row, newId, from, plan, pointer, beginning, host, now: Date.now() });
    storage.transactionSync(() => {
      acceptance.accept(request, undefined);
      if (kept !== undefined) steps.copy(id, newId, kept);
    });
    driver.enqueue(newId, kept === undefined);
    return { kind: "accepted", view: view(newId) };
  }
}

interface Rerun {
  row: RunRow;
  newId: string;
  /** The node to begin at. */
  from: string | undefined;
  plan: Plan;
  pointer: FlowPointer;
  beginning: Beginning;
  host: Host;
  now: number;
}

/** What starts an ended run once more, as a new run with the same request and as much time. */
function rerunRequest({ row, newId, from, plan, pointer, beginning, host, now }: Rerun): StartRequest {
  const start = {
    id: newId,
    trigger: row.trigger_kind,
    user: row.user_name,
    startedAt: now,
    deadline: now + Math.min(row.deadline - row.started_at, MAX_DURABLE_RUN_MS),
  };
  const { input, item } = beginning;
  const restored = HttpRunInput.restore(input);
  restored.need(plan.names);
  const said = `Run again from ${row.id}${from === undefined ? "" : `, at node "${from}"`}`;
  return {
    ...start,
    pointer,
    nodes: row.nodes,
    input,
    item,
    messages: [newMessage(now, "info", said)],
    exclusion:
      plan.exclusion === undefined
        ? undefined
        : durableExclusion(plan.exclusion, { ...start, input: restored, host }),
  };
}

/**
 * Which steps a run that begins again at node `from` keeps: those of nodes that neither are it nor depend on it.
 * @returns a test of a step's path; `unknown` when the flow has no such node
 */
export function keptSteps(graph: Graph, from: string): ((path: string) => boolean) | "unknown" {
  const start = graph.nodes.find(({ name }) => name === from);
  if (start === undefined) return "unknown";
  const again = new Set([start.index]);
  // Nodes come in an order in which each follows all that lead to it.
  for (const node of graph.nodes) {
    if (node.sources.some((source) => again.has(source.from))) again.add(node.index);
  }
  const names = new Set(graph.nodes.filter(({ index }) => again.has(index)).map(({ name }) => name));
  return (path) => !names.has(topNode(path));
}

/** The node of the flow itself that a step belongs to: `each` of `[3]/each[0.0.1]/price`, `quote` of `quote>price`. */
export function topNode(path: string): string {
  return path.replace(/^\[\d+\]\//, "").split(/[[/>]/, 1)[0] as string;
}
