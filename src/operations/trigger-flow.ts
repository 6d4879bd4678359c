import type { RunView } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import { DEFAULT_SYNC_TIMEOUT_MS } from "../domain/limits";
import type { RunOutcome } from "../domain/run";
import { after, type MaybePromise } from "../engine/maybe-promise";
import { authorizeCall } from "./authorize-call";
import { type Rendered, requestLine } from "./call-log";
import { checkedRecords } from "./checked-records";
import { startDurableRun } from "./durable-call";
import type { Endpoint } from "./endpoint";
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
  outcome: (outcome: RunOutcome) => Rendered;
  /** The answer that tells how a run stands; `accepted`: it goes on after a call that wanted its result. */
  state(view: RunView, how: "started" | "accepted" | "polled", applied?: string): Rendered;
}

/**
 * Runs an endpoint's flow for one HTTP request and has the outcome rendered. The run's history is written after the
 * answer, or before it where the endpoint says so. Asynchronous calls, those with an Idempotency-Key and those that may be
 * handed over run durably.
 * @throws SluiceError for whatever stops a call before its run begins; nothing has run then
 */
export function triggerFlow(
  services: TriggerServices,
  endpoint: Endpoint,
  call: IncomingCall,
  render: Renderer,
): MaybePromise<Rendered> {
  return after(authorizeCall(services, endpoint, call), (user) => {
    const { pointer } = endpoint;
    if (pointer.status !== "running") {
      throw new SluiceError("flow_unavailable", `The flow is ${pointer.status} and takes no calls now.`, {
        retryAfter: 60,
        state: pointer.status,
      });
    }
    const key = idempotencyKey(call);
    const timeout = timeoutParameter(call.query) ?? endpoint.plan.timeoutMs;
    return HttpRunInput.read(call).then((input) =>
      start(services, endpoint, { user, call, input, key, timeout }, render),
    );
  });
}

interface ReadCall {
  user: string;
  call: IncomingCall;
  input: HttpRunInput;
  key: string | undefined;
  timeout: number | undefined;
}

function start(
  services: TriggerServices,
  { plan, pointer }: Endpoint,
  { user, call, input, key, timeout }: ReadCall,
  render: Renderer,
): MaybePromise<Rendered> {
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
    render.outcome,
  );
}
