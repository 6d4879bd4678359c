import type { Problem } from "../domain/errors";
import type { GraphDefinition, NodeDefinition } from "../domain/flow";
import { pointer } from "../domain/json-path";
import { MAX_LOOP_DEPTH } from "../domain/limits";
import { NodeName, SCOPE_NAMES } from "../domain/names";
import { nearest } from "../domain/nearest";
import { schemaProblems } from "../domain/schema-problems";
import type { Shape } from "../domain/shape";
import type { CompileContext } from "./compile";
import { ExpressionError } from "./expression";
import type { NodeType, ResultName } from "./node-type";
import { addNames, type Graph, type NamesRead, noNames, type PlanNode, type Source } from "./plan";
import type { PrepareContext, Steps } from "./prepare-context";
import { compileValue, isExpression, type Value } from "./value";

/** What the graphs of one flow share while they are compiled. */
export interface FlowScope {
  context: CompileContext;
  problems: Problem[];
  outputShapes: ReadonlyMap<string, Shape>;
  /** Every node name of the flow with where it stands: names are unique across loops, since expressions use them. */
  nodeNames: Map<string, string>;
  nodeCount: number;
  loopDepth: number;
}

/** The loop around a graph: names that its items bring along. */
interface Enclosing {
  path: string;
  visible: ReadonlySet<string>;
}

interface Draft {
  name: string;
  definition: NodeDefinition;
  type: NodeType;
  config: unknown;
  results: readonly ResultName[];
  /** Targets by result. */
  routes: Map<string, Route[]>;
}

type Route = { kind: "node"; name: string; port: string } | { kind: "end" } | { kind: "return" };

const COMMON_SETTINGS = new Set(["type", "description", "next", "results"]);

/** Name of the node that stands for a result leading straight to a flow. */
const FLOW_TARGET = "flow:";

export class GraphCompiler {
  readonly #scope: FlowScope;
  readonly #at: Steps;
  readonly #enclosing: Enclosing | undefined;
  readonly #drafts = new Map<string, Draft>();

  constructor(scope: FlowScope, at: Steps, enclosing: Enclosing | undefined) {
    this.#scope = scope;
    this.#at = at;
    this.#enclosing = enclosing;
  }

  compile(definition: GraphDefinition): Graph {
    for (const [name, node] of Object.entries(definition.nodes)) this.#draft(name, node, definition);
    for (const draft of [...this.#drafts.values()]) this.#route(draft, definition);
    if (!Object.hasOwn(definition.nodes, definition.start)) {
      this.#problem(
        ["start"],
        `there is no node "${definition.start}"`,
        definition.start,
        Object.keys(definition.nodes),
      );
      return emptyGraph();
    }
    const order = this.#order(definition.start);
    return this.#build(order, definition.start);
  }

  #problem(at: Steps, reason: string, misspelt?: string, candidates?: readonly string[]): void {
    const closest = misspelt === undefined ? undefined : nearest(misspelt, [...(candidates ?? [])]);
    this.#scope.problems.push({
      path: pointer(...this.#at, ...at),
      reason,
      ...(closest === undefined ? {} : { nearest: closest }),
    });
  }

  /** First look at a node: its name, its type, its settings. */
  #draft(name: string, definition: NodeDefinition, graph: GraphDefinition): void {
    const scope = this.#scope;
    scope.nodeCount += 1;
    const named = NodeName.safeParse(name);
    if (!named.success) this.#problem(["nodes", name], named.error.issues[0]?.message ?? "not a node name");
    const elsewhere = scope.nodeNames.get(name);
    if (elsewhere !== undefined)
      this.#problem(
        ["nodes", name],
        `there is a node "${name}" at ${elsewhere} already; names are unique in a flow`,
      );
    scope.nodeNames.set(name, pointer(...this.#at, "nodes", name));

    const type = scope.context.registry.get(definition.type);
    if (type === undefined) {
      this.#problem(["nodes", name, "type"], `there is no node type "${definition.type}"`, definition.type, [
        ...scope.context.registry.keys(),
      ]);
      return;
    }
    if (this.#enclosing !== undefined && type.inLoops === false) {
      this.#problem(
        ["nodes", name, "type"],
        `a node of type "${type.type}" cannot stand inside a loop; lead the result to \`return\` and answer after the loop`,
      );
    }
    const settings = Object.fromEntries(
      Object.entries(definition).filter(([key]) => !COMMON_SETTINGS.has(key)),
    );
    const parsed = type.config.safeParse(settings);
    if (!parsed.success) {
      for (const problem of schemaProblems(type.config, parsed.error, [...this.#at, "nodes", name]))
        scope.problems.push(problem);
      // Its routes are still checked, so that nodes behind it do not look unreachable.
      this.#drafts.set(name, {
        name,
        definition,
        type: brokenType(type),
        config: settings,
        results: [],
        routes: looseRoutes(definition, graph),
      });
      return;
    }
    const results = type.results(parsed.data, scope.context);
    this.#drafts.set(name, { name, definition, type, config: parsed.data, results, routes: new Map() });
  }

  /** Where a node's results lead. */
  #route(draft: Draft, graph: GraphDefinition): void {
    const { name, definition, results, type } = draft;
    if (isBroken(type)) return;
    const known = results.map((result) => result.name);
    if (type.hasError !== false) known.push("error");
    const given = new Map<string, { targets: readonly string[]; at: Steps }>();
    for (const [result, targets] of Object.entries(definition.results ?? {})) {
      const at = ["nodes", name, "results", result];
      if (!known.includes(result)) {
        this.#problem(
          at,
          known.length === 0
            ? `a node of type "${type.type}" has no results`
            : `"${type.type}" has no result "${result}"; it has ${known.join(", ")}`,
          result,
          known,
        );
        continue;
      }
      given.set(result, { targets: [targets].flat(), at });
    }
    if (definition.next !== undefined) {
      const main = results[0]?.name;
      if (main === undefined)
        this.#problem(
          ["nodes", name, "next"],
          `a node of type "${type.type}" has no result that could lead on`,
        );
      else if (given.has(main))
        this.#problem(
          ["nodes", name, "next"],
          `\`next\` and \`results\` both say where "${main}" leads; keep one`,
        );
      else given.set(main, { targets: [definition.next].flat(), at: ["nodes", name, "next"] });
    }
    for (const result of results) {
      if (result.optional !== true && !given.has(result.name)) {
        this.#problem(
          ["nodes", name, "results"],
          `the result "${result.name}" leads nowhere; name a node, or \`end\` to drop its items`,
        );
      }
    }
    for (const [result, { targets, at }] of given) {
      draft.routes.set(
        result,
        targets.flatMap((target) => this.#target(target, at, graph)),
      );
    }
  }

  #target(target: string, at: Steps, graph: GraphDefinition): Route[] {
    if (target === "end") return [{ kind: "end" }];
    if (target === "return") {
      if (this.#enclosing === undefined)
        this.#problem(at, "`return` hands an item back to a loop, and there is no loop around this node");
      return [{ kind: "return" }];
    }
    if (target.startsWith(FLOW_TARGET)) return this.#flowTarget(target, at, graph);
    // A node's own name may not have a dot, so one separates the port.
    const dot = target.lastIndexOf(".");
    const [name, port] = dot < 0 ? [target, undefined] : [target.slice(0, dot), target.slice(dot + 1)];
    if (!Object.hasOwn(graph.nodes, name)) {
      this.#problem(
        at,
        `there is no node "${name}"${this.#enclosing === undefined ? "" : " inside this loop"}`,
        name,
        [...Object.keys(graph.nodes), "end"],
      );
      return [];
    }
    const draft = this.#drafts.get(name);
    if (draft === undefined) return [{ kind: "node", name, port: port ?? "in" }];
    const ports = draft.type.ports;
    if (ports === undefined) {
      if (port !== undefined) this.#problem(at, `node "${name}" has one input; write "${name}"`);
      return [{ kind: "node", name, port: "in" }];
    }
    if (port === undefined || !ports.includes(port)) {
      this.#problem(
        at,
        `node "${name}" has the inputs ${ports.join(" and ")}; write ${ports.map((each) => `"${name}.${each}"`).join(" or ")}`,
        port,
        ports,
      );
      return [];
    }
    return [{ kind: "node", name, port }];
  }

  /** `flow:name`: a node is made that calls the flow and returns what it returns. */
  #flowTarget(target: string, at: Steps, graph: GraphDefinition): Route[] {
    const flow = target.slice(FLOW_TARGET.length);
    const type = this.#scope.context.registry.get("flow");
    if (this.#enclosing !== undefined) {
      this.#problem(
        at,
        "a result inside a loop cannot lead to a flow for good; use a node of type `flow` and lead its results to `return`",
      );
      return [];
    }
    if (type === undefined || !this.#flowExists(flow, at)) return [];
    if (!this.#drafts.has(target) && !Object.hasOwn(graph.nodes, target)) {
      const config = { flow, handOver: true };
      for (const output of type.outputs?.(config, this.#scope.context) ?? []) {
        if (this.#scope.outputShapes.has(output)) continue;
        this.#problem(
          at,
          `flow "${flow}" returns the output "${output}", which this flow does not declare; add it under \`outputs\``,
        );
      }
      this.#drafts.set(target, {
        name: target,
        definition: { type: "flow" },
        type,
        config,
        results: [],
        routes: new Map(),
      });
    }
    return [{ kind: "node", name: target, port: "in" }];
  }

  #flowExists(name: string, at: Steps): boolean {
    if (this.#scope.context.flowOutputs(name) !== undefined) return true;
    this.#problem(at, `there is no flow "${name}" in this project`, name, this.#scope.context.flowNames());
    return false;
  }

  /** Node names in an order in which each comes after all that lead to it; reports cycles and what is never reached. */
  #order(start: string): string[] {
    const finished: string[] = [];
    const state = new Map<string, "open" | "done">();
    const trail: string[] = [];
    const visit = (name: string): void => {
      const draft = this.#drafts.get(name);
      if (draft === undefined) return;
      state.set(name, "open");
      trail.push(name);
      for (const next of successors(draft)) {
        const seen = state.get(next);
        if (seen === "open") {
          const cycle = [...trail.slice(trail.indexOf(next)), next];
          this.#problem(["nodes", name], `a cycle: ${cycle.join(" → ")}; repeat with a loop node instead`);
        } else if (seen === undefined) visit(next);
      }
      trail.pop();
      state.set(name, "done");
      finished.push(name);
    };
    visit(start);
    for (const name of this.#drafts.keys()) {
      if (!state.has(name))
        this.#problem(["nodes", name], `node "${name}" is never reached from the start node "${start}"`);
    }
    return finished.reverse();
  }

  #build(order: readonly string[], start: string): Graph {
    const indexes = new Map(order.map((name, index) => [name, index]));
    const sources = new Map<string, Source[]>(order.map((name) => [name, []]));
    const returns: Source[] = [];
    for (const [from, name] of order.entries()) {
      for (const [result, routes] of this.#drafts.get(name)?.routes ?? []) {
        for (const route of routes) {
          if (route.kind === "return") returns.push({ from, result, port: "in" });
          else if (route.kind === "node") sources.get(route.name)?.push({ from, result, port: route.port });
        }
      }
    }
    const visible = new Map<string, Set<string>>();
    const nodes: PlanNode[] = [];
    for (const [index, name] of order.entries()) {
      const draft = this.#drafts.get(name) as Draft;
      const before = sources.get(name) as Source[];
      visible.set(name, this.#visibleAt(before, nodes, visible));
      nodes.push(this.#node(draft, index, before, visible.get(name) as Set<string>));
    }
    const first = nodes[indexes.get(start) ?? 0];
    const firstDraft = this.#drafts.get(start);
    const seedVisible =
      first === undefined ||
      firstDraft === undefined ||
      isBroken(firstDraft.type) ||
      first.names.all ||
      first.names.roots.has("item") ||
      first.names.roots.has("last") ||
      first.errorRouted ||
      firstDraft.type.hidesItem?.(firstDraft.config) !== true;
    return { nodes, start: indexes.get(start) ?? 0, returns, seedVisible };
  }

  /** Nodes whose output an item that arrives here may carry. */
  #visibleAt(
    before: readonly Source[],
    nodes: readonly PlanNode[],
    visible: ReadonlyMap<string, ReadonlySet<string>>,
  ): Set<string> {
    const names = new Set<string>(before.length === 0 ? this.#enclosing?.visible : []);
    for (const source of before) {
      const from = nodes[source.from];
      if (from === undefined) continue;
      names.add(from.name);
      if (from.type.startsWay === true) continue;
      for (const name of visible.get(from.name) ?? []) names.add(name);
    }
    return names;
  }

  #node(draft: Draft, index: number, sources: Source[], visible: ReadonlySet<string>): PlanNode {
    const { name, type, config } = draft;
    const path = this.#enclosing === undefined ? name : `${this.#enclosing.path}/${name}`;
    const names = noNames();
    const prepared = isBroken(type)
      ? undefined
      : type.prepare(config, this.#prepareContext(draft, names, visible, path));
    return {
      index,
      name,
      path,
      type,
      prepared,
      sources,
      tracked: false,
      errorRouted: draft.routes.has("error"),
      names,
      readsNodes: [...names.roots].filter((root) => !(SCOPE_NAMES as readonly string[]).includes(root)),
      outputs: isBroken(type) ? [] : (type.outputs?.(config, this.#scope.context) ?? []),
    };
  }

  #prepareContext(
    draft: Draft,
    names: NamesRead,
    visible: ReadonlySet<string>,
    path: string,
  ): PrepareContext {
    const at = ["nodes", draft.name] as const;
    const value = (source: unknown, steps: Steps): Value => {
      const compiled = compileValue(source, (inner, error) => {
        const position =
          error instanceof ExpressionError && error.position !== undefined
            ? ` (at character ${error.position})`
            : "";
        this.#problem([...at, ...steps, ...inner], `${error.message}${position}`);
      });
      addNames(names, compiled.names);
      this.#checkNames(compiled.names, [...at, ...steps], visible);
      return compiled;
    };
    return {
      nodePath: path,
      value,
      expression: (source, steps) => {
        if (typeof source === "string" && !isExpression(source)) {
          this.#problem([...at, ...steps], `an expression starts with "="; write "=${source}"`);
        }
        return value(source, steps);
      },
      problem: (steps, reason, closest) => {
        this.#scope.problems.push({
          path: pointer(...this.#at, ...at, ...steps),
          reason,
          ...(closest === undefined ? {} : { nearest: closest }),
        });
      },
      outputShape: (output, steps) => {
        const shape = this.#scope.outputShapes.get(output);
        if (shape === undefined) {
          this.#problem(
            [...at, ...steps],
            `this flow declares no output "${output}"; add it under \`outputs\``,
            output,
            [...this.#scope.outputShapes.keys()],
          );
        }
        return shape;
      },
      flowExists: (flow, steps) => this.#flowExists(flow, [...at, ...steps]),
      loop: (definition, steps) => {
        if (this.#scope.loopDepth >= MAX_LOOP_DEPTH) {
          this.#problem(
            [...at, ...steps],
            `loops stand at most ${MAX_LOOP_DEPTH} deep in each other (MAX_LOOP_DEPTH)`,
          );
          return emptyGraph();
        }
        this.#scope.loopDepth += 1;
        const inside = new Set([...visible, draft.name]);
        const graph = new GraphCompiler(this.#scope, [...this.#at, ...at, ...steps], {
          path,
          visible: inside,
        }).compile(definition);
        this.#scope.loopDepth -= 1;
        return graph;
      },
    };
  }

  /** Names at the root of an expression must be on the way of the items that it will see. */
  #checkNames(names: NamesRead, at: Steps, visible: ReadonlySet<string>): void {
    if (names.all) return;
    for (const root of names.roots) {
      if ((SCOPE_NAMES as readonly string[]).includes(root) || visible.has(root)) continue;
      if (this.#scope.nodeNames.has(root) || this.#drafts.has(root)) {
        this.#problem(
          at,
          `items that come here did not pass through node "${root}", or an aggregate or merge began a new way after it; on the way are ${[...visible].join(", ") || "no nodes"}`,
        );
      } else {
        this.#problem(
          at,
          `"${root}" is neither a node on the way here nor one of ${SCOPE_NAMES.join(", ")}; a field of the item is written item.${root}`,
          root,
          [...visible, ...SCOPE_NAMES],
        );
      }
    }
  }
}

function successors(draft: Draft): string[] {
  return [...draft.routes.values()].flat().flatMap((route) => (route.kind === "node" ? [route.name] : []));
}

function emptyGraph(): Graph {
  return { nodes: [], start: 0, returns: [], seedVisible: true };
}

const broken = new WeakSet<NodeType>();

/** Stands in for a node whose settings are wrong, so that the rest of its graph can still be checked. */
function brokenType(type: NodeType): NodeType {
  const stand = { ...type };
  broken.add(stand);
  return stand;
}

function isBroken(type: NodeType): boolean {
  return broken.has(type);
}

function looseRoutes(definition: NodeDefinition, graph: GraphDefinition): Map<string, Route[]> {
  const routes = new Map<string, Route[]>();
  const all = [
    ...Object.entries(definition.results ?? {}),
    ...(definition.next === undefined ? [] : [["next", definition.next] as const]),
  ];
  for (const [result, targets] of all) {
    const named = [targets].flat().map((target) => target.split(".")[0] as string);
    routes.set(
      result,
      named
        .filter((name) => Object.hasOwn(graph.nodes, name))
        .map((name) => ({ kind: "node", name, port: "in" })),
    );
  }
  return routes;
}
