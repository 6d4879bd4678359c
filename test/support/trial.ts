import type { Problem } from "../../src/domain/errors";
import { FlowDefinition, type FlowSource } from "../../src/domain/flow";
import type { Json, JsonObject } from "../../src/domain/json";
import type { UsedResources } from "../../src/domain/resource";
import type { RunMessage, RunOutcome } from "../../src/domain/run";
import { compileFlow } from "../../src/engine/compile";
import { runFlow } from "../../src/engine/executor";
import type { MaybePromise } from "../../src/engine/maybe-promise";
import type { NodeType } from "../../src/engine/node-type";
import type { Plan } from "../../src/engine/plan";
import { RunContext } from "../../src/engine/run-context";
import { registry } from "../../src/nodes/registry";
import { FakeHost } from "./fake-host";
import { FakeInput } from "./fake-input";

type Nodes = Record<string, Record<string, unknown>>;

/** A flow that starts at its first node, unless `more` says otherwise. */
export function flowOf(nodes: Nodes, more: Partial<FlowSource> = {}): FlowSource {
  return { flow: "trial", start: Object.keys(nodes)[0] ?? "", nodes, ...more } as FlowSource;
}

export interface CompileMore {
  /** Other flows of the project. */
  flows?: readonly FlowSource[];
  /** Node types beside the real ones. */
  types?: readonly NodeType[];
  /** Resources of the project, by kind and name. */
  uses?: UsedResources;
  /** Constants of the project. */
  constants?: JsonObject;
}

export function compiled(source: FlowSource, more: CompileMore = {}): { plan: Plan; problems: Problem[] } {
  const flows = [source, ...(more.flows ?? [])];
  const all = new Map(registry);
  for (const type of more.types ?? []) all.set(type.type, type);
  return compileFlow(
    FlowDefinition.parse(source),
    { environmentId: 1, projectId: 1, project: "shop", flowId: 1, version: 1 },
    {
      registry: all,
      flowNames: () => flows.map(({ flow }) => flow),
      flowOutputs: (name) => {
        const found = flows.find(({ flow }) => flow === name);
        return found === undefined ? undefined : Object.keys(found.outputs ?? {});
      },
      constants: more.constants ?? {},
      resourceNames: (kind) => Object.keys(more.uses?.[kind] ?? {}),
      resource: (kind, name) => more.uses?.[kind]?.[name] as never,
    },
  );
}

/** What is wrong with a flow, each as `pointer: reason`. */
export function problemsOf(source: FlowSource, more: CompileMore = {}): string[] {
  return compiled(source, more).problems.map(({ path, reason }) => `${path}: ${reason}`);
}

/** The plan of a flow that must be right. */
export function planOf(source: FlowSource, more: CompileMore = {}): Plan {
  const { plan, problems } = compiled(source, more);
  if (problems.length > 0)
    throw new Error(`the flow under test is wrong: ${JSON.stringify(problems, null, 2)}`);
  return plan;
}

export interface Trial extends CompileMore {
  /** Records that travel one by one; one `item` otherwise. */
  records?: readonly Json[];
  item?: Json;
  input?: Record<string, unknown>;
  host?: FakeHost;
  timeout?: number;
  concurrency?: number;
}

export interface Ended extends RunOutcome {
  messages: RunMessage[];
}

/** Starts a flow under test, and gives the run beside its outcome. */
export function start(
  source: FlowSource,
  trial: Trial = {},
): { run: RunContext; host: FakeHost; outcome: MaybePromise<RunOutcome> } {
  const host = trial.host ?? new FakeHost();
  const all = [source, ...(trial.flows ?? [])];
  for (const flow of all) {
    host.flows.set(flow.flow, planOf(flow, { ...trial, flows: all.filter((other) => other !== flow) }));
  }
  const run = new RunContext({
    id: "run-1",
    trigger: "action",
    user: "system",
    input: new FakeInput(trial.input),
    host,
    startedAt: host.time,
    deadline: host.time + (trial.timeout ?? 60_000),
  });
  const plan = host.flows.get(source.flow) as Plan;
  const records = trial.records ?? [trial.item ?? null];
  return { run, host, outcome: runFlow(plan, records, run, trial.concurrency) };
}

/** Runs a flow that waits for nothing to its end. */
export function run(source: FlowSource, trial: Trial = {}): Ended {
  const { run: context, outcome } = start(source, trial);
  if (outcome instanceof Promise) throw new Error("the flow under test waits; use `runLater`");
  return { ...outcome, messages: context.takeMessages() };
}

export async function runLater(source: FlowSource, trial: Trial = {}): Promise<Ended> {
  const { run: context, outcome } = start(source, trial);
  return { ...(await outcome), messages: context.takeMessages() };
}

/** The items that reach the end of the given nodes: the last ones lead to `out`, an output of anything. */
export function through(nodes: Nodes, trial: Trial = {}): Ended {
  return run(throughFlow(nodes), trial);
}

/** A flow of the given nodes with an output `out` that takes anything, at the node `out`; and `bad` for failures. */
export function throughFlow(nodes: Nodes, more: Partial<FlowSource> = {}): FlowSource {
  const used = JSON.stringify(nodes);
  const outputs: Record<string, "any"> = { out: "any" };
  const ends: Nodes = { out: { type: "output", to: "out" } };
  if (/"bad"/.test(used)) {
    outputs.bad = "any";
    ends.bad = {
      type: "output",
      to: "bad",
      value: { failed: "=last.message", code: "=last.code", item: "=item" },
    };
  }
  return flowOf({ ...nodes, ...ends }, { outputs, ...more });
}
