import type { Environment } from "../domain/environment";
import { type Problem, SluiceError } from "../domain/errors";
import { type EventDeclaration, mostSpecific } from "../domain/event";
import type { FlowPointer } from "../domain/flow-address";
import { type Json, type JsonObject, setOwn } from "../domain/json";
import { DEFAULT_SYNC_TIMEOUT_MS } from "../domain/limits";
import { nearest } from "../domain/nearest";
import type { RunOutcome } from "../domain/run";
import { compileShape, type Shape } from "../domain/shape";
import type { Plan } from "../engine/plan";
import type { Catalog } from "./ports";
import { type LightServices, runLight } from "./run-light";
import { jsonInput } from "./start-run";

/** The output connection point whose records tell what a workflow changed. */
export const OBJECTS_OUTPUT = "objects";

/** An event that happened, for the workflow that is registered for it (seed: Run Workflow). */
export interface WorkflowCall {
  environment: Environment;
  /** Complete; what the flow sees as its input's URL. */
  url: string;
  user: string;
  /** The workflow, where the caller manages it; otherwise it is found by event and parameters. */
  id: number | undefined;
  event: string | undefined;
  params: readonly { key: string; value: number }[];
  draft: boolean;
  objects: JsonObject;
  caller: { readonly signal: AbortSignal };
}

export interface WorkflowServices extends LightServices {
  catalog: Catalog;
}

export interface WorkflowResult {
  objects: JsonObject;
  /** The run; `undefined` when no workflow is registered for the event. */
  runId: string | undefined;
}

/**
 * Runs the workflow of an event in place, and gives the objects as it left them. An event to which none listens changes
 * nothing.
 * @throws SluiceError invalid_request naming what was not found, or which object has another shape than declared, or why the
 *   workflow failed; flow_unavailable; group_busy; timeout
 */
export async function runWorkflow(services: WorkflowServices, call: WorkflowCall): Promise<WorkflowResult> {
  const { environment, objects } = call;
  const pointer = call.id === undefined ? await byEvent(services.catalog, call) : await byId(services, call);
  if (pointer === undefined) return { objects, runId: undefined };
  if (pointer.status !== "running") {
    throw new SluiceError(
      "flow_unavailable",
      `The workflow "${pointer.flow}" is ${pointer.status} and takes no events now.`,
      { retryAfter: 60, state: pointer.status },
    );
  }
  const plan = await services.catalog.plan(pointer);
  const registered = plan.definition.workflow;
  const event =
    registered === undefined
      ? undefined
      : await services.catalog.resource(environment.id, "event", registered.event);
  if (event !== undefined) checkObjects(event.definition, objects);
  const outcome = await runInPlace(services, call, plan, pointer);
  const declared = event === undefined ? [] : handlesOf(event.definition);
  const handles = new Set([...Object.keys(objects), ...declared]);
  return { objects: changed(outcome, objects, handles), runId: outcome.runId };
}

async function runInPlace(
  services: WorkflowServices,
  { url, user, event, params, objects, caller }: WorkflowCall,
  plan: Plan,
  pointer: FlowPointer,
): Promise<RunOutcome> {
  const input = jsonInput(url, { eventHandle: event, params: Object.fromEntries(pairs(params)), objects });
  input.need(plan.names);
  let outcome: RunOutcome | undefined;
  const rendered = await runLight(
    services,
    {
      plan,
      pointer,
      trigger: "event",
      user,
      input,
      // The objects themselves are what travels, so that what a node sets on its item is set on them.
      records: [objects],
      timeoutMs: plan.timeoutMs ?? DEFAULT_SYNC_TIMEOUT_MS,
      caller,
      logged: undefined,
    },
    (ended) => {
      outcome = ended;
      // Those who attach to this run get its objects.
      return { status: 200, headers: [], body: JSON.stringify(ended) };
    },
  );
  const ended = outcome ?? (JSON.parse(rendered.body as string) as RunOutcome);
  if (ended.status === "Timeout") throw stopped("timeout", ended);
  if (ended.status === "Cancelled") throw stopped("conflict", ended);
  if (ended.status === "Fail" && !onlyUnchanged(ended)) throw stopped("invalid_request", ended);
  return ended;
}

/** A workflow that returned no record has changed nothing: for an event that is no failure. */
function onlyUnchanged(outcome: RunOutcome): boolean {
  return outcome.failures.length === 0;
}

function stopped(code: "timeout" | "conflict" | "invalid_request", outcome: RunOutcome): SluiceError {
  return new SluiceError(code, `The workflow failed: ${outcome.message ?? "it gave no reason"}`, {
    processId: outcome.runId,
  });
}

async function byId(
  { catalog }: WorkflowServices,
  { environment, id = 0, event, draft }: WorkflowCall,
): Promise<FlowPointer> {
  const pointer = await catalog.flowById(environment.id, id, draft);
  const plan = pointer === undefined ? undefined : await catalog.plan(pointer);
  if (pointer === undefined || plan?.definition.workflow === undefined) {
    throw notFound("id", `There is no workflow with the id ${id}.`);
  }
  if (event !== undefined && plan.definition.workflow.event !== event) {
    throw notFound(
      "eventHandle",
      `The workflow with the id ${id} is registered for the event "${plan.definition.workflow.event}", not for "${event}". Leave one of them out.`,
    );
  }
  return pointer;
}

async function byEvent(
  catalog: Catalog,
  { environment, event, params, draft, objects }: WorkflowCall,
): Promise<FlowPointer | undefined> {
  if (event === undefined) {
    throw notFound("eventHandle", "Say which workflow to run: give `id`, or `eventHandle` with `params`.");
  }
  const declared = await catalog.resource(environment.id, "event", event);
  if (declared === undefined) {
    const known = (await catalog.resources(environment.id, "event")).map(({ name }) => name);
    const closest = nearest(event, known);
    throw notFound(
      "eventHandle",
      `There is no event "${event}"${closest === undefined ? "" : `; did you mean "${closest}"`}.`,
    );
  }
  const { definition } = declared;
  for (const { key } of params) {
    if (definition.params.includes(key)) continue;
    const has = definition.params.length === 0 ? "none" : definition.params.join(", ");
    throw notFound("params", `The event "${event}" has no parameter "${key}"; it has ${has}.`);
  }
  // Wrong objects are told even where nobody would look at them.
  checkObjects(definition, objects);
  const workflows = await catalog.workflows(environment.id, event, draft);
  return mostSpecific(workflows, pairs(params), definition.params)?.pointer;
}

function pairs(params: WorkflowCall["params"]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { key, value } of params) {
    if (found.has(key)) throw notFound("params", `The parameter "${key}" is given twice.`);
    found.set(key, value);
  }
  return found;
}

/** Shapes of declared objects: declarations are kept by the catalogue, so each is compiled once. */
const shapes = new WeakMap<EventDeclaration, Shape>();

function handlesOf(event: EventDeclaration): string[] {
  return Object.keys(event.objects).map((handle) => handle.replace(/\?$/, ""));
}

/** @throws SluiceError invalid_request with every object that is not what the event declares */
function checkObjects(event: EventDeclaration, objects: JsonObject): void {
  const handles = handlesOf(event);
  const problems: Problem[] = [];
  for (const handle of Object.keys(objects)) {
    if (handles.includes(handle)) continue;
    const closest = nearest(handle, handles);
    problems.push({
      path: `objects.${handle}`,
      reason: `the event "${event.event}" has no object "${handle}"; it has ${handles.join(", ") || "none"}`,
      ...(closest === undefined ? {} : { nearest: closest }),
    });
  }
  let shape = shapes.get(event);
  if (shape === undefined) {
    shape = compileShape(event.objects);
    shapes.set(event, shape);
  }
  shape.validate(objects, "objects", problems);
  const [first] = problems;
  if (first === undefined) return;
  throw new SluiceError("invalid_request", `${first.path}: ${first.reason}.`, { problems });
}

function notFound(path: string, message: string): SluiceError {
  return new SluiceError("invalid_request", message, {
    problems: [{ path, reason: message.replace(/\.$/, "") }],
  });
}

/** The objects that were sent, with what the workflow's records say of them, and of others that the event declares. */
function changed(outcome: RunOutcome, objects: JsonObject, handles: ReadonlySet<string>): JsonObject {
  const result: JsonObject = { ...objects };
  for (const record of outcome.outputs[OBJECTS_OUTPUT] ?? []) {
    if (!isObject(record)) continue;
    for (const [handle, value] of Object.entries(record)) {
      if (handles.has(handle)) setOwn(result, handle, value);
    }
  }
  return result;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
