import type { Environment } from "../domain/environment";
import { type Problem, SluiceError } from "../domain/errors";
import type { FlowAddress, FlowPointer } from "../domain/flow-address";
import { type Json, truncate } from "../domain/json";
import { valueAt } from "../domain/json-path";
import {
  DEFAULT_SYNC_TIMEOUT_MS,
  MAX_CONCURRENT_RECORDS,
  MAX_LOGGED_BODY_CHARS,
  MAX_RECORDS,
} from "../domain/limits";
import { MAX_NAME_LENGTH } from "../domain/names";
import type { RunOutcome } from "../domain/run";
import { RunStopped } from "../engine/errors";
import { runFlow } from "../engine/executor";
import type { Plan } from "../engine/plan";
import type { Host } from "../engine/ports";
import { RunContext } from "../engine/run-context";
import { type IncomingCall, maskedHeaders, maskedUrl, timeoutParameter } from "./incoming-call";
import type { Catalog, RunHistory, World } from "./ports";
import { reasonPhrase } from "./reason-phrase";
import { attributes, HttpRunInput, queryFields } from "./run-input";

export interface TriggerServices {
  catalog: Catalog;
  history: RunHistory;
  world: World;
  /** The host for runs that live in this isolate. */
  host: Host;
}

/** An answer that a surface made of an outcome, in plain terms, so that it can be logged. */
export interface Rendered {
  status: number;
  headers: [string, string][];
  body: string | null;
}

/** User of runs that anonymous connections start (seed: "the audit trail records the system"). */
const ANONYMOUS_USER = "system";

/** An endpoint that was found and may be called. */
export interface Endpoint {
  environment: Environment;
  pointer: FlowPointer;
  plan: Plan;
  /** Whether it was named in the way of version 10. */
  deprecated: boolean;
}

/**
 * Finds the endpoint that a URL names.
 * @throws SluiceError not_found, ambiguous_name
 */
export async function findEndpoint(catalog: Catalog, host: string, address: FlowAddress): Promise<Endpoint> {
  const names = address.kind === "named" ? [address.project, address.flow] : [address.segment];
  // No name is longer, so nothing needs to be asked, or remembered, about such a one.
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) {
    throw new SluiceError(
      "not_found",
      `There is no endpoint of such a name: names end at ${MAX_NAME_LENGTH} characters.`,
    );
  }
  const environment = await catalog.environment(host);
  const resolution = await catalog.resolve(environment, address);
  if (resolution.kind === "ambiguous") {
    throw new SluiceError(
      "ambiguous_name",
      "Several projects have a flow of this name; call it by project and flow name.",
      { candidates: resolution.candidates },
    );
  }
  if (resolution.kind !== "missing") {
    const plan = await catalog.plan(resolution.pointer);
    if (resolution.kind === "aliased") {
      // An alias can be kept to those who know it; only of an open endpoint is it told.
      if (plan.endpoint?.anonymous === true) {
        throw new SluiceError(
          "not_found",
          `This endpoint answers at its URL alias "${resolution.alias}" instead of at its name.`,
        );
      }
    } else if (plan.endpoint !== undefined) {
      return { environment, pointer: resolution.pointer, plan, deprecated: resolution.deprecated };
    }
  }
  const name =
    address.kind === "named"
      ? `flow "${address.flow}" in project "${address.project}"`
      : `"${address.segment}"`;
  throw new SluiceError(
    "not_found",
    `There is no endpoint ${name}. Names are matched exactly, upper and lower case too.`,
  );
}

/** Who may call. @throws SluiceError unauthenticated */
export function authorizeCall(endpoint: Endpoint): string {
  if (endpoint.plan.endpoint?.anonymous === true) return ANONYMOUS_USER;
  throw new SluiceError(
    "unauthenticated",
    "This endpoint takes no anonymous connections, and no API keys are issued for this deployment yet.",
  );
}

/**
 * Runs an endpoint's flow for one HTTP request and has the outcome rendered. The run's history is written after the
 * answer, or before it where the endpoint says so.
 * @throws SluiceError for whatever stops a call before its run begins; nothing has run then
 */
export async function triggerFlow(
  services: TriggerServices,
  endpoint: Endpoint,
  call: IncomingCall,
  render: (outcome: RunOutcome) => Rendered,
): Promise<Rendered> {
  const { plan, pointer } = endpoint;
  const user = authorizeCall(endpoint);
  if (pointer.status !== "running") {
    throw new SluiceError("flow_unavailable", `The flow is ${pointer.status} and takes no calls now.`, {
      retryAfter: 60,
      state: pointer.status,
    });
  }
  const timeoutMs = timeoutParameter(call.query) ?? plan.timeoutMs ?? DEFAULT_SYNC_TIMEOUT_MS;
  const input = await HttpRunInput.read(call);
  input.need(plan.names);
  const records = checkedRecords(plan, input, call);

  const { world, host, history } = services;
  const startedAt = world.now();
  const run = new RunContext({
    id: world.newRunId(startedAt),
    trigger: "action",
    user,
    input,
    host,
    startedAt,
    deadline: startedAt + timeoutMs,
  });
  if (plan.endpoint?.logRequests === true) logRequest(run, call, input);
  const concurrency = plan.endpoint?.prioritiseThroughput === true ? MAX_CONCURRENT_RECORDS : 1;
  const ended = runFlow(plan, records, run, concurrency);
  const outcome = ended instanceof Promise ? await whileCalled(ended, run, call.signal) : ended;
  const rendered = render(outcome);
  if (plan.endpoint?.logResponse === true) logResponse(run, rendered);

  const record = {
    environmentId: pointer.environmentId,
    id: run.id,
    projectId: pointer.projectId,
    project: pointer.project,
    flowId: pointer.flowId,
    flow: pointer.flow,
    flowVersion: pointer.version,
    trigger: run.trigger,
    user,
    startedAt,
    endedAt: world.now(),
    status: outcome.status,
    message: outcome.message ?? null,
    messages: run.takeMessages(),
  };
  if (plan.endpoint?.history === "strict") await history.store(record);
  else history.record(record);
  return rendered;
}

/** Waits for a run, and cancels it when its caller goes away: nobody is left to take the answer. */
async function whileCalled(
  ended: Promise<RunOutcome>,
  run: RunContext,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const gone = () =>
    run.stop(new RunStopped("cancelled", "caller_gone", "the caller went away before the run had ended"));
  if (signal.aborted) gone();
  signal.addEventListener("abort", gone, { once: true });
  try {
    return await ended;
  } finally {
    signal.removeEventListener("abort", gone);
  }
}

/** The values that enter the flow, checked against what it declares. @throws SluiceError invalid_request with all problems */
function checkedRecords(plan: Plan, input: HttpRunInput, call: IncomingCall): Json[] {
  const problems: Problem[] = [];
  const { query, body } = plan.inputShapes;
  if (query !== undefined) {
    const coerced = query.coerceStrings(queryFields(call.query), "query");
    if (!coerced.ok) problems.push(...coerced.problems);
    else if (plan.names.all || plan.names.input.has("query")) input.view.query = coerced.value;
  }
  if (plan.recordsPath === undefined) {
    if (body !== undefined) checkBody(body, input, problems);
    if (problems.length > 0) throw badInput(problems);
    return [plan.graph.seedVisible ? attributes(input) : null];
  }
  const found = valueAt(input.json, plan.recordsPath);
  if (!Array.isArray(found)) {
    const where =
      plan.endpoint?.records === "$" ? "the JSON body" : `${plan.endpoint?.records} of the JSON body`;
    problems.push({
      path: plan.endpoint?.records ?? "$",
      reason: `expected ${where} to be an array of records`,
    });
  } else if (found.length > MAX_RECORDS) {
    throw new SluiceError(
      "payload_too_large",
      `One call carries at most ${MAX_RECORDS} records (MAX_RECORDS); this one has ${found.length}.`,
      { limit: "MAX_RECORDS" },
    );
  }
  if (problems.length > 0) throw badInput(problems);
  // Whether each has the declared shape is looked at when its turn comes: one that does not fails alone.
  return found as Json[];
}

function checkBody(
  shape: NonNullable<Plan["inputShapes"]["body"]>,
  input: HttpRunInput,
  problems: Problem[],
): void {
  const value = input.json;
  if (value !== undefined) shape.validate(value, "body", problems);
  else if (!shape.optional && !shape.validate({}, "body", [])) {
    // No body is as good as an empty object where every field is optional.
    problems.push({
      path: "body",
      reason: `expected JSON: ${shape.describe()}${input.body !== "" && !input.saysJson ? ". Send it with Content-Type: application/json" : ""}`,
    });
  }
}

function badInput(problems: Problem[]): SluiceError {
  const [first] = problems as [Problem];
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new SluiceError(
    "invalid_request",
    `The input is not what this endpoint takes: ${first.path === "$" ? "" : `${first.path}: `}${first.reason}${more}.`,
    { problems },
  );
}

function logRequest(run: RunContext, call: IncomingCall, input: HttpRunInput): void {
  const url = maskedUrl(call.url);
  run.message("info", `Request ${call.method} ${url}`, {
    details: {
      method: call.method,
      url,
      client: call.client,
      headers: maskedHeaders(call.headers),
      ...loggedBody(input.body),
    },
  });
}

function logResponse(run: RunContext, rendered: Rendered): void {
  run.node = undefined;
  run.record = undefined;
  const line = `${rendered.status} ${reasonPhrase(rendered.status)}`.trimEnd();
  run.message("info", `Response ${line}`, {
    details: {
      status: rendered.status,
      statusText: reasonPhrase(rendered.status),
      headers: maskedHeaders(rendered.headers),
      ...loggedBody(rendered.body ?? ""),
    },
  });
}

/** A body for a log, cut so that the details around it stay whole; its full length is told when it was cut. */
function loggedBody(body: string): { body: string; bodyLength?: number } {
  const { text, fullLength } = truncate(body, MAX_LOGGED_BODY_CHARS);
  return { body: text, ...(text.length === fullLength ? {} : { bodyLength: fullLength }) };
}
