import { type GraphDefinition, type NodeDefinition, readableGraph } from "../domain/flow";
import { pointer } from "../domain/json-path";
import { MAX_NODES } from "../domain/limits";
import { NodeName } from "../domain/names";
import { schemaProblems } from "../domain/schema-problems";
import type { FlowScope } from "./flow-scope";
import type { NodeType, ResultName } from "./node-type";
import type { Steps } from "./prepare-context";

/** A node as far as it could be read without looking at the nodes around it. */
export interface Draft {
  name: string;
  /** Absent when there is no such type. */
  type: NodeType | undefined;
  /** Its settings: as its schema parsed them when `sound`, else as they are written. */
  config: unknown;
  sound: boolean;
  results: readonly ResultName[];
  /** Targets by result. */
  routes: Map<string, Route[]>;
  /** Of a node that nobody wrote down: the place that asks for it, where its problems belong. */
  madeFor?: Steps;
}

export type Route = { kind: "node"; name: string; port: string } | { kind: "end" } | { kind: "return" };

const COMMON_SETTINGS = new Set(["type", "description", "next", "results"]);

/** Before the name of a flow that a result leads to; the node that stands for it is called so, too. */
const FLOW_TARGET = "flow:";

/** The first pass over a graph: each node's name, type and settings, and where its results lead. */
export class GraphDrafter {
  readonly drafts = new Map<string, Draft>();
  readonly #scope: FlowScope;
  readonly #at: Steps;
  readonly #inLoop: boolean;
  readonly #graph: GraphDefinition;

  constructor(scope: FlowScope, at: Steps, inLoop: boolean, graph: GraphDefinition) {
    this.#scope = scope;
    this.#at = at;
    this.#inLoop = inLoop;
    this.#graph = graph;
  }

  /** The nodes by name; none when they are more than a flow may have. */
  draft(): Map<string, Draft> {
    const entries = Object.entries(this.#graph.nodes);
    if (!this.#count(entries.length)) return this.drafts;
    for (const [name, node] of entries) this.#draft(name, node);
    for (const [name, node] of entries) this.#route(this.drafts.get(name) as Draft, node);
    return this.drafts;
  }

  #count(nodes: number): boolean {
    const scope = this.#scope;
    const before = scope.nodeCount;
    scope.nodeCount += nodes;
    if (scope.nodeCount <= MAX_NODES) return true;
    if (before <= MAX_NODES) {
      scope.report({
        path: "/nodes",
        reason: `a flow has at most ${MAX_NODES} nodes (MAX_NODES), loops included; this one has ${scope.nodeCount} or more`,
      });
    }
    return false;
  }

  #path(...steps: Steps): string {
    return pointer(...this.#at, ...steps);
  }

  #problem(at: Steps, reason: string): void {
    this.#scope.report({ path: this.#path(...at), reason });
  }

  #draft(name: string, definition: NodeDefinition): void {
    const scope = this.#scope;
    const at = ["nodes", name];
    const named = NodeName.safeParse(name);
    if (!named.success) this.#problem(at, named.error.issues[0]?.message ?? "not a node name");
    const elsewhere = scope.nodeNames.get(name);
    if (elsewhere !== undefined) {
      this.#problem(at, `there is a node "${name}" at ${elsewhere} already; names are unique in a flow`);
    } else scope.nodeNames.set(name, this.#path(...at));

    const type = scope.context.registry.get(definition.type);
    const settings = Object.fromEntries(
      Object.entries(definition).filter(([key]) => !COMMON_SETTINGS.has(key)),
    );
    const draft: Draft = { name, type, config: settings, sound: false, results: [], routes: new Map() };
    this.drafts.set(name, draft);
    if (type === undefined) {
      scope.broken = true;
      // What is no node at all has been told.
      if (scope.isKnown(this.#path(...at))) return;
      scope.reportName(
        this.#path(...at, "type"),
        `there is no node type "${definition.type}"`,
        definition.type,
        scope.context.registry.keys(),
      );
      return;
    }
    if (this.#inLoop && type.inLoops === false) {
      this.#problem(
        [...at, "type"],
        `a node of type "${type.type}" cannot stand inside a loop; lead the result to \`return\` and answer after the loop`,
      );
    }
    const parsed = type.config.safeParse(settings);
    if (!parsed.success) {
      scope.broken = true;
      scope.reportSchema(schemaProblems(type.config, parsed.error, [...this.#at, ...at]));
      return;
    }
    draft.config = parsed.data;
    draft.sound = true;
    draft.results = type.results(parsed.data, scope.context);
  }

  /** Where a node's results lead. Of a node with wrong settings only the targets can be checked. */
  #route(draft: Draft, definition: NodeDefinition): void {
    const given = new Map<string, { targets: readonly string[]; at: Steps }>();
    for (const [result, targets] of Object.entries(definition.results ?? {})) {
      const at = ["nodes", draft.name, "results", result];
      if (this.#isResult(draft, result, at)) given.set(result, { targets: [targets].flat(), at });
    }
    if (definition.next !== undefined) this.#next(draft, definition.next, given);
    for (const result of draft.results) {
      if (result.optional !== true && !given.has(result.name)) {
        this.#problem(
          ["nodes", draft.name, "results"],
          `the result "${result.name}" leads nowhere; name a node, or \`end\` to drop its items`,
        );
      }
    }
    for (const [result, { targets, at }] of given) {
      const once = new Set(targets);
      if (once.size < targets.length) this.#problem(at, "a target stands here twice; name each once");
      draft.routes.set(
        result,
        [...once].flatMap((target) => this.#target(target, at)),
      );
    }
  }

  #isResult({ type, results, sound }: Draft, result: string, at: Steps): boolean {
    if (!sound || type === undefined) return true;
    const known = results.map(({ name }) => name);
    if (type.hasError !== false) known.push("error");
    if (known.includes(result)) return true;
    const allowed = type.allowsResult?.(result);
    if (allowed === true) return true;
    if (allowed !== undefined) {
      this.#problem(at, allowed);
      return false;
    }
    this.#scope.reportName(
      this.#path(...at),
      known.length === 0
        ? `a node of type "${type.type}" has no results`
        : `"${type.type}" has no result "${result}"; it has ${known.join(", ")}`,
      result,
      known,
    );
    return false;
  }

  #next(
    { name, type, results, sound }: Draft,
    next: string | string[],
    given: Map<string, { targets: readonly string[]; at: Steps }>,
  ): void {
    const at = ["nodes", name, "next"];
    const main = sound ? results[0]?.name : "next";
    if (main === undefined) {
      this.#problem(at, `a node of type "${type?.type}" has no result that could lead on`);
    } else if (given.has(main)) {
      this.#problem(at, `\`next\` and \`results\` both say where "${main}" leads; keep one`);
    } else given.set(main, { targets: [next].flat(), at });
  }

  #target(target: string, at: Steps): Route[] {
    if (target === "end") return [{ kind: "end" }];
    if (target === "return") {
      if (!this.#inLoop) {
        this.#problem(at, "`return` hands an item back to a loop, and there is no loop around this node");
      }
      return [{ kind: "return" }];
    }
    if (target.startsWith(FLOW_TARGET)) return this.#flowTarget(target, at);
    // A node's own name may not have a dot, so one separates the port.
    const dot = target.lastIndexOf(".");
    const [name, port] = dot < 0 ? [target, undefined] : [target.slice(0, dot), target.slice(dot + 1)];
    const draft = this.drafts.get(name);
    if (draft === undefined) {
      this.#scope.reportName(
        this.#path(...at),
        `there is no node "${name}"${this.#inLoop ? " inside this loop" : ""}`,
        name,
        [...Object.keys(this.#graph.nodes), "end"],
      );
      return [];
    }
    if (draft.type === undefined) return [{ kind: "node", name, port: port ?? "in" }];
    const { ports } = draft.type;
    if (ports === undefined) {
      if (port !== undefined) this.#problem(at, `node "${name}" has one input; write "${name}"`);
      return [{ kind: "node", name, port: "in" }];
    }
    if (port === undefined || !ports.includes(port)) {
      this.#scope.reportName(
        this.#path(...at),
        `node "${name}" has the inputs ${ports.join(" and ")}; write ${ports.map((each) => `"${name}.${each}"`).join(" or ")}`,
        port ?? "",
        ports,
      );
      return [];
    }
    return [{ kind: "node", name, port }];
  }

  /** `flow:name`: a node is made that calls the flow and returns what it returns. */
  #flowTarget(target: string, at: Steps): Route[] {
    const { context } = this.#scope;
    const flow = target.slice(FLOW_TARGET.length);
    const type = context.registry.get("flow");
    if (this.#inLoop) {
      this.#problem(
        at,
        "a result inside a loop cannot lead to a flow for good; use a node of type `flow` and lead its results to `return`",
      );
      return [];
    }
    if (context.flowOutputs(flow) === undefined || type === undefined) {
      this.#scope.reportName(
        this.#path(...at),
        `there is no flow "${flow}" in this project`,
        flow,
        context.flowNames(),
      );
      return [];
    }
    if (!this.drafts.has(target)) {
      this.#count(1);
      const config = { flow, handOver: true };
      const routes = new Map();
      this.drafts.set(target, { name: target, type, config, sound: true, results: [], routes, madeFor: at });
    }
    return [{ kind: "node", name: target, port: "in" }];
  }
}

/** The loop that a setting of an unsound node holds, as far as it can be read. */
export function looseLoop(setting: unknown): GraphDefinition | undefined {
  return typeof setting === "object" && setting !== null && "nodes" in setting
    ? readableGraph(setting)
    : undefined;
}
