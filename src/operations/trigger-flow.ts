import type { RunView } from "../domain/durable-run";
import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { FlowAddress, FlowPointer } from "../domain/flow-address";
import { DEFAULT_SYNC_TIMEOUT_MS } from "../domain/limits";
import { MAX_NAME_LENGTH } from "../domain/names";
import type { RunOutcome } from "../domain/run";
import { after, isPromise, type MaybePromise } from "../engine/maybe-promise";
import type { Plan } from "../engine/plan";
import { authorizeCall } from "./authorize-call";
import { type Rendered, requestLine } from "./call-log";
import { checkedRecords } from "./checked-records";
import { startDurableRun } from "./durable-call";
import { idempotencyKey } from "./idempotency";
import type { Keys } from "./identity-ports";
import { type IncomingCall, timeoutParameter } from "./incoming-call";
import type { Catalog, RunShards } from "./ports";
import { HttpRunInput } from "./run-input";
import { type LightServices, runLight } from "./run-light";

export type { Rendered };

export interface TriggerServices extends LightServices {
  catalog: Catalog;
  /** Runs that outlive their call. */
  shards: RunShards;
  /** Whose keys callers send. */
  keys: Keys;
}

/** How a surface answers. */
export interface Renderer {
  /** The answer for a run that has ended. */
  outcome(outcome: RunOutcome): Rendered;
  /** The answer that tells how a run stands; `accepted`: it goes on after a call that wanted its result. */
  state(view: RunView, how: "started" | "accepted" | "polled", applied?: string): Rendered;
}

/** An endpoint that was found and may be called. */
export interface Endpoint {
  environment: Environment;
  pointer: FlowPointer;
  plan: Plan;
  /** Whether it was named in the way of version 10. */
  deprecated: boolean;
}

/**
 * Finds the endpoint that a URL names; at once where all of it is known in this isolate.
 * @throws SluiceError not_found, ambiguous_name
 */
export function findEndpoint(catalog: Catalog, host: string, address: FlowAddress): MaybePromise<Endpoint> {
  const names = address.kind === "named" ? [address.project, address.flow] : [address.segment];
  // No name is longer, so nothing needs to be asked, or remembered, about such a one.
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) {
    throw new SluiceError(
      "not_found",
      `There is no endpoint of such a name: names end at ${MAX_NAME_LENGTH} characters.`,
    );
  }
  return after(catalog.environment(host), (environment) =>
    after(catalog.resolve(environment, address), (resolution) => {
      if (resolution.kind === "ambiguous") {
        throw new SluiceError(
          "ambiguous_name",
          "Several projects have a flow of this name; call it by project and flow name.",
          { candidates: resolution.candidates },
        );
      }
      if (resolution.kind === "missing") throw noEndpoint(address);
      return after(catalog.plan(resolution.pointer), (plan) => {
        // An alias can be kept to those who know it; only of an open endpoint is it told.
        if (resolution.kind === "aliased" && plan.endpoint?.anonymous === true) {
          throw new SluiceError(
            "not_found",
            `This endpoint answers at its URL alias "${resolution.alias}" instead of at its name.`,
          );
        }
        if (resolution.kind === "aliased" || plan.endpoint === undefined) throw noEndpoint(address);
        return { environment, pointer: resolution.pointer, plan, deprecated: resolution.deprecated };
      });
    }),
  );
}

function noEndpoint(address: FlowAddress): SluiceError {
  const name =
    address.kind === "named"
      ? `flow "${address.flow}" in project "${address.project}"`
      : `"${address.segment}"`;
  return new SluiceError(
    "not_found",
    `There is no endpoint ${name}. Names are matched exactly, upper and lower case too.`,
  );
}

/**
 * Runs an endpoint's flow for one HTTP request and has the outcome rendered. The run's history is written after the
 * answer, or before it where the endpoint says so. Asynchronous calls, those with an Idempotency-Key and those that may be
 * handed over run durably.
 * @throws SluiceError for whatever stops a call before its run begins; nothing has run then
 */
export async function triggerFlow(
  services: TriggerServices,
  endpoint: Endpoint,
  call: IncomingCall,
  render: Renderer,
): Promise<Rendered> {
  const { plan, pointer } = endpoint;
  const caller = authorizeCall(services, endpoint, call);
  const user = isPromise(caller) ? await caller : caller;
  if (pointer.status !== "running") {
    throw new SluiceError("flow_unavailable", `The flow is ${pointer.status} and takes no calls now.`, {
      retryAfter: 60,
      state: pointer.status,
    });
  }
  const key = idempotencyKey(call);
  const timeout = timeoutParameter(call.query) ?? plan.timeoutMs;
  const input = await HttpRunInput.read(call);
  input.need(plan.names);
  const records = checkedRecords(plan, input);
  if (key !== undefined || plan.endpoint?.mode === "async" || plan.endpoint?.onTimeout === "handoff") {
    return startDurableRun(services, { plan, pointer, user, call, input, records, timeout, key }, render);
  }
  return runLight(
    services,
    {
      plan,
      pointer,
      trigger: "action",
      user,
      input,
      records,
      timeoutMs: timeout ?? DEFAULT_SYNC_TIMEOUT_MS,
      caller: call,
      logged: plan.endpoint?.logRequests === true ? requestLine(call, input) : undefined,
    },
    (outcome) => render.outcome(outcome),
  );
}
