import { parseDuration } from "../domain/duration";
import type { Problem } from "../domain/errors";
import type { FlowDefinition } from "../domain/flow";
import { type JsonPath, parseJsonPath, pointer } from "../domain/json-path";
import { MAX_NODES } from "../domain/limits";
import { compileShape, type Shape } from "../domain/shape";
import { type FlowScope, GraphCompiler } from "./compile-graph";
import type { NodeRegistry, ResultsContext } from "./node-type";
import { addNames, type Graph, type NamesRead, noNames, type Plan, type PlanKey } from "./plan";

export interface CompileContext extends ResultsContext {
  registry: NodeRegistry;
  /** Names of the project's flows, to find the nearest to a misspelt one. */
  flowNames(): readonly string[];
}

/**
 * Checks a flow and compiles it to a plan. Everything that can be wrong is found here, all at once, each problem with
 * its JSON Pointer into the flow; the plan may be used only when there is none.
 */
export function compileFlow(
  definition: FlowDefinition,
  key: PlanKey,
  context: CompileContext,
): { plan: Plan; problems: Problem[] } {
  const problems: Problem[] = [];
  const outputShapes = new Map<string, Shape>();
  for (const [name, source] of Object.entries(definition.outputs ?? {}))
    outputShapes.set(name, compileShape(source));

  const scope: FlowScope = {
    context,
    problems,
    outputShapes,
    nodeNames: new Map(),
    nodeCount: 0,
    loopDepth: 0,
  };
  const graph = new GraphCompiler(scope, [], undefined).compile({
    start: definition.start,
    nodes: definition.nodes,
  });
  if (scope.nodeCount > MAX_NODES) {
    problems.push({
      path: "/nodes",
      reason: `a flow has at most ${MAX_NODES} nodes (MAX_NODES), loops included; this one has ${scope.nodeCount}`,
    });
  }

  const connected = connectedOutputs(graph, outputShapes);
  const names = noNames();
  collectNames(graph, names);
  markTracked(graph, names);
  if (graph.seedVisible)
    for (const field of ["body", "headers", "contentType", "url"]) names.input.add(field);

  return {
    plan: {
      key,
      name: definition.flow,
      graph,
      endpoint: definition.endpoint,
      recordsPath: recordsPath(definition, problems),
      timeoutMs: parseDuration(definition.endpoint?.timeout),
      inputShapes: {
        query: definition.input?.query === undefined ? undefined : compileShape(definition.input.query),
        body: definition.input?.body === undefined ? undefined : compileShape(definition.input.body),
      },
      outputShapes,
      connected,
      names,
      definition,
    },
    problems,
  };
}

function recordsPath(definition: FlowDefinition, problems: Problem[]): JsonPath | undefined {
  const source = definition.endpoint?.records;
  if (source === undefined) return undefined;
  const path = parseJsonPath(source);
  if (path === undefined) {
    problems.push({
      path: pointer("endpoint", "records"),
      reason: "write a JSON path to one array: `$` for the body itself, `$.orders` for a field of it",
    });
  }
  return path;
}

function connectedOutputs(graph: Graph, shapes: ReadonlyMap<string, Shape>): string[] {
  const filled = new Set(graph.nodes.flatMap((node) => node.outputs));
  return [...shapes.keys()].filter((name) => filled.has(name));
}

/** Loops keep the graphs inside them among their prepared settings; here they are found again. */
function innerGraphs(prepared: unknown): Graph[] {
  if (typeof prepared !== "object" || prepared === null || !("body" in prepared)) return [];
  const body = prepared.body;
  return typeof body === "object" && body !== null && "nodes" in body && "returns" in body
    ? [body as Graph]
    : [];
}

function collectNames(graph: Graph, names: NamesRead): void {
  for (const node of graph.nodes) {
    addNames(names, node.names);
    for (const inner of innerGraphs(node.prepared)) collectNames(inner, names);
  }
}

/** An item remembers a node's output only where some expression asks for it by name. */
function markTracked(graph: Graph, names: NamesRead): void {
  for (const node of graph.nodes) {
    node.tracked = names.all || names.roots.has(node.name);
    for (const inner of innerGraphs(node.prepared)) markTracked(inner, names);
  }
}
