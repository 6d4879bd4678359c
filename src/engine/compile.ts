import { parseDuration } from "../domain/duration";
import type { Problem } from "../domain/errors";
import type { FlowDefinition } from "../domain/flow";
import type { JsonObject } from "../domain/json";
import { type JsonPath, parseJsonPath, pointer } from "../domain/json-path";
import type { UsedKind } from "../domain/resource";
import { compileShape, type Shape } from "../domain/shape";
import { GraphCompiler } from "./compile-graph";
import { compileExclusion } from "./exclusion";
import { FlowScope, type SecretUse } from "./flow-scope";
import type { NodeRegistry, ResultsContext } from "./node-type";
import { addNames, type Graph, type NamesRead, noNames, type Plan, type PlanKey } from "./plan";
import { checkSchedules } from "./schedule";

export interface CompileContext extends ResultsContext {
  registry: NodeRegistry;
  /** Names of the project's flows, to find the nearest to a misspelt one. */
  flowNames(): readonly string[];
  /** The project's constants; `undefined` when they could not be read, so that nothing is known of them. */
  constants: Readonly<JsonObject> | undefined;
  /** Told of each constant that the flow reads. */
  constantRead?(name: string): void;
  /** Names of the project's resources of a kind, to find the nearest to a misspelt one. */
  resourceNames(kind: UsedKind): readonly string[];
}

/** Settings of an endpoint that do not go together. */
function checkMode({ endpoint, permissions }: FlowDefinition, scope: FlowScope): void {
  if (endpoint === undefined) return;
  if (endpoint.anonymous && permissions?.run !== undefined) {
    scope.report({
      path: pointer("permissions", "run"),
      reason: "the endpoint is anonymous, and who calls it so is in no group: leave out one of the two",
    });
  }
  if (endpoint.mode === "async" && endpoint.onTimeout === "handoff") {
    scope.report({
      path: pointer("endpoint", "onTimeout"),
      reason: "`handoff` is for synchronous endpoints: an asynchronous run goes on whatever its caller does",
    });
  }
}

/**
 * Checks a flow and compiles it to a plan. Everything that can be wrong is found here, all at once, each problem with
 * its JSON Pointer into the flow; the plan may be used only when there is none.
 * @param known what the flow's schema complained of, when the definition is only what could be read of a flow
 * @returns the problems beside the known ones, and the secrets that must be there when the flow is published
 */
export function compileFlow(
  definition: FlowDefinition,
  key: PlanKey,
  context: CompileContext,
  known: readonly Problem[] = [],
): { plan: Plan; problems: Problem[]; secrets: SecretUse[] } {
  const outputShapes = new Map<string, Shape>();
  for (const [name, source] of Object.entries(definition.outputs ?? {})) {
    outputShapes.set(name, compileShape(source));
  }
  const scope = new FlowScope(context, definition, outputShapes, known);
  const graph = new GraphCompiler(scope, [], undefined).compile({
    start: definition.start,
    nodes: definition.nodes,
  });
  const connected = connectedOutputs(graph, outputShapes, scope);
  const names = noNames();
  collectNames(graph, names);
  markTracked(graph, names);
  if (graph.seedVisible) {
    for (const field of ["body", "headers", "contentType", "url"]) names.input.add(field);
  }
  const exclusion = compileExclusion(definition, scope);
  if (exclusion !== undefined) addNames(names, exclusion.group.names);
  checkMode(definition, scope);
  const inputShapes = {
    query: definition.input?.query === undefined ? undefined : compileShape(definition.input.query),
    body: definition.input?.body === undefined ? undefined : compileShape(definition.input.body),
  };
  checkSchedules(definition, inputShapes, scope);

  const plan: Plan = {
    key,
    name: definition.flow,
    flow: { project: key.project, flow: definition.flow, flowId: key.flowId },
    graph,
    endpoint: definition.endpoint,
    recordsPath: recordsPath(definition, scope),
    timeoutMs: parseDuration(definition.endpoint?.timeout),
    exclusion,
    inputShapes,
    outputShapes,
    connected,
    callbacks: scope.callbacks,
    names,
    definition,
  };
  return { plan, problems: scope.takeProblems(), secrets: scope.secrets };
}

function recordsPath(definition: FlowDefinition, scope: FlowScope): JsonPath | undefined {
  const source = definition.endpoint?.records;
  if (source === undefined) return undefined;
  const path = parseJsonPath(source);
  if (path === undefined) {
    scope.report({
      path: pointer("endpoint", "records"),
      reason: "write a JSON path to one array: `$` for the body itself, `$.orders` for a field of it",
    });
  }
  return path;
}

/**
 * Outputs that some node fills. A declared output is a promise to callers (it stands in OpenAPI, and callers of the
 * flow route it), so one that nothing fills is refused: the flow would answer "no record" to each call, or leave the
 * output out, and both are a forgotten node rather than a wish. That some ways of a flow end in `end` without a record
 * is fine, as long as another fills the output; a flow that only ever drops its items declares none.
 */
function connectedOutputs(graph: Graph, shapes: ReadonlyMap<string, Shape>, scope: FlowScope): string[] {
  const filled = new Set(graph.nodes.flatMap((node) => node.outputs));
  const connected: string[] = [];
  for (const name of shapes.keys()) {
    if (filled.has(name)) connected.push(name);
    else if (!scope.broken) {
      scope.report({
        path: pointer("outputs", name),
        reason: `nothing fills the output "${name}"; lead items to a node \`{ type: output, to: ${name} }\`, or remove it`,
      });
    }
  }
  return connected;
}

function collectNames(graph: Graph, names: NamesRead): void {
  for (const node of graph.nodes) {
    addNames(names, node.names);
    for (const inner of node.loops) collectNames(inner, names);
  }
}

/** An item remembers a node's output only where some expression asks for it by name. */
function markTracked(graph: Graph, names: NamesRead): void {
  for (const node of graph.nodes) {
    node.tracked = names.all || names.roots.has(node.name);
    for (const inner of node.loops) markTracked(inner, names);
  }
}
