import type { Delivery } from "../domain/delivery";
import type { StartRequest, StartResult } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import { MAX_GROUP_QUEUE, MAX_STORED_VALUE_BYTES, MAX_WEBHOOK_RUN_BYTES } from "../domain/limits";
import type { Catalog } from "./ports";
import { HttpRunInput } from "./run-input";
import { type StartServices, startRequest } from "./start-run";

/**
 * `waits`: not now, through no fault of anyone's. `failed`: not ever, as things are; whoever mends it can replay.
 * `unreached`: something of the platform did not answer, and the run may have been started or not; it is to be tried again.
 */
export type Begun =
  | { kind: "started" }
  | { kind: "waits"; reason: string }
  | { kind: "failed"; reason: string }
  | { kind: "unreached"; error: unknown };

type StartDeliveryServices = StartServices & { catalog: Catalog };

const failed = (reason: string): Begun => ({ kind: "failed", reason });
const waits = (reason: string): Begun => ({ kind: "waits", reason });

/**
 * Starts the runs of deliveries that are stored, those of one run shard by one call. Done twice, each is one run. Never throws.
 * @param readBody gives a delivery's bytes by its id, `undefined` once it is forgotten; not called for a body that no run takes
 * @returns what became of each, by the delivery's id
 */
export async function startDeliveries(
  services: StartDeliveryServices,
  deliveries: readonly Delivery[],
  readBody: (id: string) => Uint8Array | undefined,
): Promise<Map<string, Begun>> {
  const begun = new Map<string, Begun>();
  /** The deliveries of runs that are ready to be started. */
  const ready = new Map<string, Delivery>();
  const requests: StartRequest[] = [];
  for (const delivery of deliveries) {
    const prepared = await prepare(services, delivery, readBody).catch(unreached);
    if (!("request" in prepared)) begun.set(delivery.id, prepared);
    else {
      ready.set(prepared.request.id, delivery);
      requests.push(prepared.request);
    }
  }
  const results = await services.shards.startMany(requests);
  for (const [runId, { id }] of ready) {
    const kind = results.get(runId);
    begun.set(id, kind === undefined ? unreached(new Error("a run shard did not answer")) : told(kind));
  }
  return begun;
}

function unreached(error: unknown): Begun {
  // What the flow says about its input will be so the next time, too.
  if (error instanceof SluiceError && error.code !== "unavailable" && error.code !== "internal") {
    return failed(error.message);
  }
  return { kind: "unreached", error };
}

/** What a shard is to be asked, unless no run can be started now. */
async function prepare(
  services: StartDeliveryServices,
  { id, target, request, size, runId }: Delivery,
  readBody: (id: string) => Uint8Array | undefined,
): Promise<{ request: StartRequest } | Begun> {
  if (size > MAX_WEBHOOK_RUN_BYTES) {
    return failed(
      `The delivery is kept, but at ${size} bytes is larger than what a run takes: ${MAX_WEBHOOK_RUN_BYTES} bytes (MAX_WEBHOOK_RUN_BYTES).`,
    );
  }
  const pointer = await services.catalog.flow(target.environmentId, target.projectId, target.flow);
  if (pointer === undefined) return failed(`The flow "${target.flow}" is not published any more.`);
  if (pointer.status !== "running") return waits(`The flow is ${pointer.status}.`);
  const plan = await services.catalog.plan(pointer);
  // Forgotten while its turn came, with its project: a run with an empty body would be another one than was asked for.
  const body = readBody(id);
  if (body === undefined) return failed("The delivery is not kept any more.");
  const input = await HttpRunInput.loose(
    {
      method: request.method,
      url: request.url,
      query: new URL(request.url).searchParams,
      headers: new Map(request.headers) as unknown as Headers,
      client: request.client,
      signal: new AbortController().signal,
    },
    body,
  );
  const { user } = target;
  const start = startRequest(services, {
    plan,
    pointer,
    trigger: "webhook",
    user,
    input,
    item: "input",
    id: runId,
  });
  if (start.exclusion !== undefined) {
    // Nobody is there to be refused: what was accepted waits its turn.
    start.exclusion = { ...start.exclusion, onBusy: "queue", maxQueue: MAX_GROUP_QUEUE, maxWaitMs: null };
  }
  return { request: start };
}

/** What a shard's answer means to a delivery. */
function told(kind: StartResult["kind"]): Begun {
  switch (kind) {
    case "accepted":
      return { kind: "started" };
    case "too_large":
      return failed(
        `The delivery is kept, but is larger than what a run stores: ${MAX_STORED_VALUE_BYTES} bytes (MAX_STORED_VALUE_BYTES).`,
      );
    case "withdrawn":
      return failed("Its run was withdrawn.");
    case "key_reused":
      return unreached(new Error("a run without an idempotency key cannot have reused one"));
    case "busy":
    case "following":
    case "undecided":
      return waits("The flow's exclusion group takes no more runs at present.");
  }
}
