import { z } from "zod";
import { durationSchema } from "./duration";
import { WorkflowRegistration } from "./event";
import { ExclusionSettings } from "./exclusion-group";
import { type Json, type JsonObject, setOwn } from "./json";
import { DEFAULT_ACCEPT_TIMEOUT_MS, DEFAULT_SYNC_TIMEOUT_MS, MAX_TIMEOUT_MS } from "./limits";
import { AliasName, FlowName, NodeName, OutputName } from "./names";
import { Schedules } from "./schedule";
import { ShapeSource } from "./shape";

/**
 * A flow as it is written down. Node-specific settings are checked by the node's own schema (`nodes/`), since this file
 * knows no node; here are the parts that every flow shares.
 */

/** Settings of the endpoint at which a flow is called (seed: properties of an API Endpoint). */
export const EndpointSettings = z
  .strictObject({
    alias: AliasName.optional().describe(
      "URL alias. The endpoint then answers at …/action/{alias}/trigger instead of at its project and flow name.",
    ),
    mode: z
      .enum(["sync", "async"], { error: "a mode is `sync` or `async`" })
      .default("sync")
      .describe(
        "`sync` waits for the result; `async` answers with a process id as soon as the run is durably accepted.",
      ),
    timeout: durationSchema(MAX_TIMEOUT_MS)
      .optional()
      .describe(
        `How long a call may take; then the run is aborted and the answer is 504. Default ${DEFAULT_SYNC_TIMEOUT_MS} ms. Of an asynchronous endpoint: how long accepting a run may take, default ${DEFAULT_ACCEPT_TIMEOUT_MS} ms. The URL parameter \`timeout\` (ms) overrides it.`,
      ),
    onTimeout: z
      .enum(["abort", "handoff"])
      .default("abort")
      .describe(
        "`abort` ends the run of a synchronous call that takes too long; `handoff` answers 202 with the process id, and the run goes on.",
      ),
    anonymous: z
      .boolean()
      .default(false)
      .describe("Allow anonymous connections: anyone with the URL may call; the run's user is `system`."),
    records: z
      .string()
      .optional()
      .describe(
        "The body holds an array of records that travel one by one: a JSON path to it, `$` for the body itself, `$.orders` for a field.",
      ),
    prioritiseThroughput: z
      .boolean()
      .default(false)
      .describe("Records run concurrently and outputs come as they finish, instead of in order."),
    exclusion: ExclusionSettings.optional(),
    logRequests: z
      .boolean()
      .default(false)
      .describe("Add a message with method, URL, client, headers and the truncated body to every run."),
    logResponse: z
      .boolean()
      .default(false)
      .describe("Add a message with status, headers and the truncated body of the answer to every run."),
    history: z
      .enum(["buffered", "strict"])
      .default("buffered")
      .describe(
        "`buffered` writes the run's history after the answer; `strict` stores it before the answer, which costs a database write.",
      ),
  })
  .meta({ id: "EndpointSettings" });
export type EndpointSettings = z.output<typeof EndpointSettings>;

const ShapeFields = z.record(z.string(), ShapeSource);

/** What a caller sends, so that wrong input is answered with 400 before anything runs. */
export const InputDeclaration = z
  .strictObject({
    query: ShapeFields.optional().describe("Query parameters and their types; `?` marks an optional one."),
    body: ShapeSource.optional().describe(
      "The shape of the JSON body (of one record, where records travel one by one).",
    ),
  })
  .meta({ id: "InputDeclaration" });
export type InputDeclaration = z.output<typeof InputDeclaration>;

const Target = z
  .string()
  .min(1)
  .describe(
    "A node, `node.port` of a node with named inputs, `flow:name`, `end` (drop the item) or `return` (in a loop).",
  );

/** Where the items of a result go: one target or several, each of which gets its own copy. */
export const Targets = z.union([Target, z.array(Target).min(1)], {
  error: "a result leads to a node's name, to a list of them, to `flow:name` or to `end`",
});

/** The settings that every node has; the rest is the node type's own. */
export const NodeDefinition = z
  .looseObject({
    type: z.string({ error: "a node needs a `type`" }),
    description: z.string().max(2_000).optional(),
    next: Targets.optional().describe(
      "Where the node's main result leads: short for naming it under `results`.",
    ),
    results: z.record(z.string(), Targets).optional().describe("Where each result leads."),
  })
  .meta({ id: "NodeDefinition" });
export type NodeDefinition = z.output<typeof NodeDefinition>;

/** A graph of nodes: a flow's own, or the inside of a loop. */
export const GraphDefinition = z.strictObject({
  start: NodeName.describe("The node that takes the input."),
  nodes: z.record(z.string(), NodeDefinition).describe("The nodes, by name."),
});
export type GraphDefinition = z.output<typeof GraphDefinition>;

/** Who may see and change a flow in the designer, and who may run it; groups by name. */
const Permissions = z.strictObject({
  run: z
    .array(z.string().min(1).max(100))
    .max(100)
    .optional()
    .describe(
      "Groups whose users may call the flow's endpoint with their keys; users of all groups when absent.",
    ),
  edit: z
    .array(z.string().min(1).max(100))
    .max(100)
    .optional()
    .describe(
      "Groups whose users may change the flow with their keys, where they may administer its project; all when absent.",
    ),
});

export const FlowDefinition = z
  .strictObject({
    flow: FlowName.describe("The flow's name, unique in its project."),
    description: z.string().max(10_000).optional(),
    icon: z.string().max(2_000).optional().describe("Name or URL of an icon for lists and the designer."),
    package: z.string().min(1).max(100).optional().describe("The package that holds the flow, for grouping."),
    permissions: Permissions.optional(),
    endpoint: EndpointSettings.optional().describe("Makes the flow callable over HTTP."),
    schedule: Schedules.optional(),
    workflow: WorkflowRegistration.optional().describe("Runs the flow when an event happens."),
    input: InputDeclaration.optional(),
    outputs: z
      .record(OutputName, ShapeSource)
      .optional()
      .describe("Output connection points by name, each with the shape of its records."),
    ...GraphDefinition.shape,
  })
  .meta({ id: "FlowDefinition" });
export type FlowDefinition = z.output<typeof FlowDefinition>;
export type FlowSource = z.input<typeof FlowDefinition>;

/** As much of a flow as can be read. */
export interface ReadableFlow {
  definition: FlowDefinition;
  /** What the schema complains of; the definition is whole when there is nothing. */
  issues: z.ZodError | undefined;
}

/**
 * Reads a flow, and of a wrong one all that is right: field by field, node by node, so that its graph can be checked
 * although a setting is misspelt. The schema's complaints alone when there is no graph to be found.
 */
export function readFlow(source: unknown): ReadableFlow | z.ZodError {
  const whole = FlowDefinition.safeParse(source);
  if (whole.success) return { definition: whole.data, issues: undefined };
  const graph = readableGraph(source);
  if (graph === undefined) return whole.error;
  const given = source as Record<string, unknown>;
  const definition: FlowDefinition = { flow: typeof given.flow === "string" ? given.flow : "", ...graph };
  if (isObject(given.endpoint)) {
    definition.endpoint = readableFields(EndpointSettings, given.endpoint) as EndpointSettings;
  }
  const workflow = WorkflowRegistration.safeParse(given.workflow);
  if (workflow.success) definition.workflow = workflow.data;
  if (isObject(given.input)) {
    definition.input = readableFields(InputDeclaration, given.input) as InputDeclaration;
  }
  const schedule = Schedules.safeParse(given.schedule);
  if (schedule.success) definition.schedule = schedule.data;
  if (isObject(given.outputs)) {
    const outputs: JsonObject = {};
    for (const [name, shape] of Object.entries(given.outputs)) {
      const read = ShapeSource.safeParse(shape);
      setOwn(outputs, name, read.success ? (read.data as Json) : "any");
    }
    definition.outputs = outputs as Record<string, ShapeSource>;
  }
  return { definition, issues: whole.error };
}

/** A graph with what can be read of its nodes; `undefined` when it has none. */
export function readableGraph(source: unknown): GraphDefinition | undefined {
  if (!isObject(source) || !isObject(source.nodes)) return undefined;
  const nodes: Record<string, NodeDefinition> = {};
  for (const [name, node] of Object.entries(source.nodes))
    setOwn(nodes as JsonObject, name, readableNode(node) as unknown as Json);
  return { start: typeof source.start === "string" ? source.start : "", nodes };
}

function readableNode(source: unknown): NodeDefinition {
  const whole = NodeDefinition.safeParse(source);
  if (whole.success) return whole.data;
  if (!isObject(source)) return { type: "" };
  const { next, results, description: _, ...settings } = source;
  const node: NodeDefinition = { ...settings, type: typeof source.type === "string" ? source.type : "" };
  const main = Targets.safeParse(next);
  if (main.success) node.next = main.data;
  if (isObject(results)) {
    const read: NonNullable<NodeDefinition["results"]> = {};
    for (const [name, targets] of Object.entries(results)) {
      const parsed = Targets.safeParse(targets);
      if (parsed.success) setOwn(read as JsonObject, name, parsed.data);
    }
    node.results = read;
  }
  return node;
}

/** The fields of an object that are right, each by itself, and the defaults of the others. */
function readableFields(schema: z.ZodObject, given: Record<string, unknown>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.shape)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    for (const candidate of value === undefined ? [undefined] : [value, undefined]) {
      const parsed = (field as z.ZodType).safeParse(candidate);
      if (!parsed.success) continue;
      if (parsed.data !== undefined) fields[name] = parsed.data;
      break;
    }
  }
  return fields;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
