import type { StartRequest, StartResult } from "../domain/durable-run";
import type { FlowPointer } from "../domain/flow-address";
import { MAX_DURABLE_RUN_MS } from "../domain/limits";
import type { RunMessage, TriggerKind } from "../domain/run";
import type { Plan } from "../engine/plan";
import type { Host } from "../engine/ports";
import { durableExclusion } from "./admission";
import { checkedRecords, type EnteringItem } from "./checked-records";
import type { RunShards, World } from "./ports";
import { HttpRunInput } from "./run-input";

export interface StartServices {
  shards: RunShards;
  world: World;
  host: Host;
}

/** A run that something other than a call of an endpoint starts: a record, a webhook, a schedule. */
export interface RunToStart {
  plan: Plan;
  pointer: FlowPointer;
  trigger: TriggerKind;
  user: string;
  input: HttpRunInput;
  /** What enters the flow: the request's attributes, or the JSON body itself. */
  item: EnteringItem;
  /** Milliseconds that it may take, from now; the most by default. */
  timeoutMs?: number;
  /** The run's id, for starts that may be repeated: the same id twice is one run. */
  id?: string;
  messages?: RunMessage[];
}

/**
 * Starts a durable run. When it answers `accepted` the run is on disk, and survives whatever happens.
 * @throws SluiceError invalid_request when the input is not what the flow takes; whatever the shard's platform throws
 */
export async function startRun(services: StartServices, run: RunToStart): Promise<StartResult> {
  return services.shards.start(startRequest(services, run), 0);
}

/** What a shard is asked to start. @throws SluiceError invalid_request when the input is not what the flow takes */
export function startRequest({ shards, world, host }: StartServices, run: RunToStart): StartRequest {
  const { plan, pointer, trigger, user, input, item, messages = [] } = run;
  input.need(plan.names);
  const records = checkedRecords(plan, input, item);
  const startedAt = world.now();
  const start = {
    id: run.id ?? shards.newRunId(startedAt, undefined),
    trigger,
    user,
    startedAt,
    deadline: startedAt + Math.min(run.timeoutMs ?? MAX_DURABLE_RUN_MS, MAX_DURABLE_RUN_MS),
  };
  return {
    ...start,
    pointer,
    nodes: plan.graph.nodes.length * (plan.recordsPath === undefined ? 1 : records.length),
    input: input.store(),
    item,
    messages,
    exclusion:
      plan.exclusion === undefined ? undefined : durableExclusion(plan.exclusion, { ...start, input, host }),
  };
}

/** An input for runs that no HTTP request starts: as if `body` had been sent as JSON to `url`. */
export function jsonInput(url: string, body: unknown, headers: [string, string][] = []): HttpRunInput {
  return HttpRunInput.restore({
    method: "POST",
    url,
    headers: [["content-type", "application/json"], ...headers],
    contentType: "application/json",
    client: "",
    body: JSON.stringify(body),
  });
}
