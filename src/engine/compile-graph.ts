import type { GraphDefinition } from "../domain/flow";
import { pointer } from "../domain/json-path";
import { MAX_LOOP_DEPTH } from "../domain/limits";
import { SCOPE_NAMES } from "../domain/names";
import { check, type Expression, ExpressionError } from "./expression";
import type { FlowScope } from "./flow-scope";
import { type Draft, GraphDrafter, looseLoop } from "./graph-draft";
import { orderNodes } from "./graph-order";
import type { NodeType } from "./node-type";
import { addNames, type Graph, type NamesRead, noNames, type PlanNode, type Source } from "./plan";
import type { PrepareContext, Steps } from "./prepare-context";
import { compileValue, isExpression, type Value } from "./value";

/** The loop around a graph: names that its items bring along. */
interface Enclosing {
  path: string;
  visible: ReadonlySet<string>;
}

const scopeNames: ReadonlySet<string> = new Set(SCOPE_NAMES);

/**
 * The second pass over a graph: the order of its nodes, and their settings compiled. Nodes that are wrong are left out
 * of the graph, and all that can be checked of them is checked all the same.
 */
export class GraphCompiler {
  readonly #scope: FlowScope;
  readonly #at: Steps;
  readonly #enclosing: Enclosing | undefined;
  #drafts: ReadonlyMap<string, Draft> = new Map();
  #order: readonly string[] = [];
  #sources = new Map<string, Source[]>();

  constructor(scope: FlowScope, at: Steps, enclosing: Enclosing | undefined) {
    this.#scope = scope;
    this.#at = at;
    this.#enclosing = enclosing;
  }

  compile(definition: GraphDefinition): Graph {
    const inLoop = this.#enclosing !== undefined;
    this.#drafts = new GraphDrafter(this.#scope, this.#at, inLoop, definition).draft();
    if (this.#drafts.size === 0 && Object.keys(definition.nodes).length > 0) return emptyGraph();
    const start = this.#start(definition.start);
    const { order, cycles, unreached } = orderNodes([...this.#drafts.keys()], start, (name) =>
      successors(this.#drafts.get(name) as Draft),
    );
    for (const cycle of cycles) {
      this.#problem(
        ["nodes", cycle.at(-2) as string],
        `a cycle: ${shortened(cycle).join(" → ")}; repeat with a loop node instead`,
      );
    }
    for (const name of unreached) {
      this.#problem(["nodes", name], `node "${name}" is never reached from the start node "${start}"`);
    }
    this.#order = order;
    return this.#build(start ?? "", new Set(unreached));
  }

  #problem(at: Steps, reason: string): void {
    this.#scope.report({ path: pointer(...this.#at, ...at), reason });
  }

  #start(name: string): string | undefined {
    const draft = this.#drafts.get(name);
    if (draft === undefined) {
      const at = pointer(...this.#at, "start");
      this.#scope.reportName(at, `there is no node "${name}"`, name, this.#drafts.keys());
      return undefined;
    }
    const ports = draft.type?.ports;
    if (ports !== undefined) {
      this.#problem(
        ["start"],
        `node "${name}" has the inputs ${ports.join(" and ")}, so nothing can start there; start at a node with one input`,
      );
    }
    return name;
  }

  #build(start: string, unreached: ReadonlySet<string>): Graph {
    const sources = new Map<string, Source[]>(this.#order.map((name) => [name, []]));
    const returns: Source[] = [];
    for (const [from, name] of this.#order.entries()) {
      for (const [result, routes] of this.#drafts.get(name)?.routes ?? []) {
        for (const route of routes) {
          if (route.kind === "return") returns.push({ from, result, port: "in" });
          else if (route.kind === "node") sources.get(route.name)?.push({ from, result, port: route.port });
        }
      }
    }
    this.#sources = sources;
    const nodes: PlanNode[] = [];
    for (const [index, name] of this.#order.entries()) {
      const draft = this.#drafts.get(name) as Draft;
      if (!unreached.has(name)) this.#checkPorts(draft, start);
      const node = this.#node(draft, index);
      if (node !== undefined) nodes.push(node);
    }
    const first = nodes.find(({ name }) => name === start);
    const draft = this.#drafts.get(start);
    return {
      nodes,
      start: first?.index ?? 0,
      returns,
      seedVisible: first === undefined || draft === undefined || seesSeed(first, draft),
    };
  }

  /** Every named input must be fed, or the node could never do its work. */
  #checkPorts({ name, type }: Draft, start: string): void {
    if (type?.ports === undefined || name === start) return;
    const fed = new Set(this.#sources.get(name)?.map(({ port }) => port));
    for (const port of type.ports) {
      if (!fed.has(port)) {
        this.#problem(
          ["nodes", name],
          `nothing leads to the input "${port}"; lead a result to "${name}.${port}"`,
        );
      }
    }
  }

  /**
   * Nodes whose output an item may carry that arrives at a node. Looked for backwards, and only for expressions that
   * name nodes, since every node knowing all before it would make wide graphs costly.
   */
  #visibleAt(name: string): Set<string> {
    const visible = new Set<string>();
    const seen = new Set<string>([name]);
    const waiting = [name];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const sources = this.#sources.get(at) ?? [];
      if (sources.length === 0) for (const outer of this.#enclosing?.visible ?? []) visible.add(outer);
      for (const source of sources) {
        const from = this.#order[source.from] as string;
        if (seen.has(from)) continue;
        seen.add(from);
        visible.add(from);
        if (this.#drafts.get(from)?.type?.startsWay !== true) waiting.push(from);
      }
    }
    return visible;
  }

  /** The node's place in the plan; `undefined` when its settings are wrong. */
  #node(draft: Draft, index: number): PlanNode | undefined {
    const { name, type, config } = draft;
    const path = this.#enclosing === undefined ? name : `${this.#enclosing.path}/${name}`;
    const names = noNames();
    const loops: Graph[] = [];
    const context = this.#prepareContext(draft, names, loops, path);
    if (type === undefined || !draft.sound) {
      checkLoosely(config as Record<string, unknown>, context);
      return undefined;
    }
    const prepared = type.prepare(config, context);
    return {
      index,
      name,
      path,
      type,
      prepared,
      loops,
      sources: this.#sources.get(name) ?? [],
      tracked: false,
      errorRouted: draft.routes.has("error"),
      routed: new Set(draft.routes.keys()),
      names,
      readsNodes: [...names.roots].filter((root) => !scopeNames.has(root)),
      outputs: type.outputs?.(config, this.#scope.context) ?? [],
    };
  }

  #prepareContext(draft: Draft, names: NamesRead, loops: Graph[], path: string): PrepareContext {
    const scope = this.#scope;
    const at = [...this.#at, "nodes", draft.name];
    const placeOf = (steps: Steps): string =>
      draft.madeFor === undefined ? pointer(...at, ...steps) : pointer(...this.#at, ...draft.madeFor);
    let visible: Set<string> | undefined;
    const visibleHere = () => (visible ??= this.#visibleAt(draft.name));
    const value = (source: unknown, steps: Steps): Value => {
      const compiled = compileValue(source, {
        constants: scope.context.constants,
        failed: (inner, error) => {
          const closest = error instanceof ExpressionError ? error.nearest : undefined;
          scope.report({
            path: placeOf([...steps, ...inner]),
            reason: error.message,
            ...(closest === undefined ? {} : { nearest: closest }),
          });
        },
        compiled: (inner, expression, read) => {
          const place = placeOf([...steps, ...inner]);
          this.#checkNames(read, place, visibleHere);
          this.#checkSecrets(read, place, draft);
          if (scope.checkConstants(read, place)) this.#checkFields(expression, read, place);
        },
      });
      addNames(names, compiled.names);
      return compiled;
    };
    return {
      nodePath: path,
      inLoop: this.#enclosing !== undefined,
      durable: scope.durable,
      value,
      expression: (source, steps) => {
        if (typeof source === "string" && !isExpression(source)) {
          const reason = `an expression starts with "="; write "=${source}"`;
          scope.report({ path: placeOf(steps), reason });
        }
        return value(source, steps);
      },
      problem: (steps, reason, closest) => {
        scope.report({
          path: placeOf(steps),
          reason,
          ...(closest === undefined ? {} : { nearest: closest }),
        });
      },
      outputShape: (output, steps) => {
        const shape = scope.outputShapes.get(output);
        if (shape === undefined && !scope.isKnown("/outputs")) {
          scope.reportName(
            placeOf(steps),
            `this flow declares no output "${output}"; add it under \`outputs\``,
            output,
            scope.outputShapes.keys(),
          );
        }
        return shape;
      },
      flowExists: (flow, steps) => {
        if (scope.context.flowOutputs(flow) !== undefined) return true;
        const reason = `there is no flow "${flow}" in this project`;
        scope.reportName(placeOf(steps), reason, flow, scope.context.flowNames());
        return false;
      },
      flowOutputs: (flow) => scope.context.flowOutputs(flow) ?? [],
      resource: (kind, resource, steps) => {
        const found = scope.context.resource(kind, resource);
        if (found === undefined) {
          scope.reportName(
            placeOf(steps),
            `there is no ${kind} "${resource}" in this project`,
            resource,
            scope.context.resourceNames(kind),
          );
        }
        return found;
      },
      loop: (definition, steps) => {
        if (scope.loopDepth >= MAX_LOOP_DEPTH) {
          const reason = `loops stand at most ${MAX_LOOP_DEPTH} deep in each other (MAX_LOOP_DEPTH)`;
          scope.report({ path: placeOf(steps), reason });
          return emptyGraph();
        }
        scope.loopDepth += 1;
        const inside = new Set([...visibleHere(), draft.name]);
        const graph = new GraphCompiler(scope, [...at, ...steps], { path, visible: inside }).compile(
          definition,
        );
        scope.loopDepth -= 1;
        loops.push(graph);
        return graph;
      },
    };
  }

  /** Secrets go to other systems and nowhere else, and each is named, so that a missing one is found before any run. */
  #checkSecrets(names: NamesRead, place: string, { type }: Draft): void {
    const problem = secretsProblem(names, type === undefined || type.takesSecrets === true);
    if (problem === undefined)
      for (const name of names.secrets) this.#scope.secrets.push({ name, path: place });
    if (problem !== undefined) this.#scope.report({ path: place, reason: problem });
  }

  /** Names at the root of an expression must be on the way of the items that it will see. */
  #checkNames(names: NamesRead, place: string, visibleHere: () => ReadonlySet<string>): void {
    for (const root of names.roots) {
      if (scopeNames.has(root)) continue;
      const visible = visibleHere();
      if (visible.has(root)) continue;
      const dashed = [...visible].find((name) => name.startsWith(`${root}-`));
      if (dashed !== undefined) {
        const reason = `"-" subtracts in an expression; write the node's name in backquotes: \`${dashed}\``;
        this.#scope.report({ path: place, reason, nearest: dashed });
      } else if (this.#scope.nodeNames.has(root)) {
        this.#scope.report({
          path: place,
          reason: `items that come here did not pass through node "${root}", or an aggregate or merge began a new way after it; on the way are ${shortened([...visible]).join(", ") || "no nodes"}`,
        });
      } else {
        this.#scope.reportName(
          place,
          `"${root}" is neither a node on the way here nor one of ${SCOPE_NAMES.join(", ")}; a field of the item is written item.${root}`,
          root,
          [...visible, ...SCOPE_NAMES],
        );
      }
    }
  }

  /**
   * What is known of `input`, `run` and constants before a request arrives: their fields, and the shapes that the flow
   * declares.
   */
  #checkFields(expression: Expression, names: NamesRead, place: string): void {
    const scope = this.#scope;
    const reads = names.all || names.roots.has("input") || names.roots.has("run") || names.constants.size > 0;
    if (!reads) return;
    for (const problem of check(expression, scope.shapeOf(names), {}, scope.constantShapes(names))) {
      const at = problem.position === undefined ? "" : ` (at ${problem.position})`;
      this.#scope.report({
        path: place,
        reason: `${problem.message}${at}`,
        ...(problem.nearest === undefined ? {} : { nearest: problem.nearest }),
      });
    }
  }
}

/** What is wrong with the secrets that an expression reads. */
export function secretsProblem(names: NamesRead, allowed: boolean): string | undefined {
  if (names.secrets.size === 0) return undefined;
  if (!allowed) {
    return "a secret can be taken only in the settings of `api` nodes and of integrations; here it could get into outputs and messages";
  }
  return names.secrets.has("")
    ? "name the secret: _datasource.KeyName; all secrets at once cannot be read"
    : undefined;
}

/** The expressions of settings that do not fit together, and the loops in them, each by itself. */
function checkLoosely(settings: Record<string, unknown>, context: PrepareContext): void {
  for (const [name, setting] of Object.entries(settings)) {
    const loop = looseLoop(setting);
    if (loop === undefined) context.value(setting, [name]);
    else context.loop(loop, [name]);
  }
}

/** Whether anything may look at the items that come in at the start node. */
function seesSeed(node: PlanNode, { config, routes }: Draft): boolean {
  const type: NodeType = node.type;
  return (
    node.names.all ||
    node.names.roots.has("item") ||
    node.names.roots.has("last") ||
    node.errorRouted ||
    type.hidesItem?.(config, (result) => routes.has(result)) !== true
  );
}

function successors(draft: Draft): string[] {
  return [...draft.routes.values()].flat().flatMap((route) => (route.kind === "node" ? [route.name] : []));
}

/** Names for a sentence: the first and the last ones where there are many. */
function shortened(names: readonly string[]): string[] {
  return names.length <= 20 ? [...names] : [...names.slice(0, 10), "…", ...names.slice(-10)];
}

function emptyGraph(): Graph {
  return { nodes: [], start: 0, returns: [], seedVisible: true };
}
