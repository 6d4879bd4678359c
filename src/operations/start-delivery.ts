import type { Delivery } from "../domain/delivery";
import type { StartResult } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import { MAX_GROUP_QUEUE, MAX_STORED_VALUE_BYTES, MAX_WEBHOOK_RUN_BYTES } from "../domain/limits";
import type { Catalog } from "./ports";
import { HttpRunInput } from "./run-input";
import { type StartServices, startRequest } from "./start-run";

/** `waits`: not now, through no fault of anyone's. `failed`: not ever, as things are; whoever mends it can replay. */
export type Begun =
  | { kind: "started" }
  | { kind: "waits"; reason: string }
  | { kind: "failed"; reason: string };

const failed = (reason: string): Begun => ({ kind: "failed", reason });
const waits = (reason: string): Begun => ({ kind: "waits", reason });

/**
 * Starts the run of a delivery that is stored. Done twice, it is one run.
 * @param readBody gives the bytes; not called for a body that no run takes
 * @throws whatever the platform throws: it is to be tried again
 */
export async function startDelivery(
  services: StartServices & { catalog: Catalog },
  { target, request, size, runId }: Delivery,
  readBody: () => Uint8Array,
): Promise<Begun> {
  if (size > MAX_WEBHOOK_RUN_BYTES) {
    return failed(
      `The delivery is kept, but at ${size} bytes is larger than what a run takes: ${MAX_WEBHOOK_RUN_BYTES} bytes (MAX_WEBHOOK_RUN_BYTES).`,
    );
  }
  const pointer = await services.catalog.flow(target.environmentId, target.projectId, target.flow);
  if (pointer === undefined) return failed(`The flow "${target.flow}" is not published any more.`);
  if (pointer.status !== "running") return waits(`The flow is ${pointer.status}.`);
  const plan = await services.catalog.plan(pointer);
  const input = await HttpRunInput.loose(
    {
      method: request.method,
      url: request.url,
      query: new URL(request.url).searchParams,
      headers: new Map(request.headers) as unknown as Headers,
      client: request.client,
      signal: new AbortController().signal,
    },
    readBody(),
  );
  let answer: StartResult;
  try {
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
    answer = await services.shards.start(start, 0);
  } catch (error) {
    // What the flow says about its input will be so the next time, too.
    if (error instanceof SluiceError && error.code !== "unavailable" && error.code !== "internal") {
      return failed(error.message);
    }
    throw error;
  }
  switch (answer.kind) {
    case "accepted":
      return { kind: "started" };
    case "too_large":
      return failed(
        `The delivery is kept, but is larger than what a run stores: ${MAX_STORED_VALUE_BYTES} bytes (MAX_STORED_VALUE_BYTES).`,
      );
    case "withdrawn":
      return failed("Its run was withdrawn.");
    case "key_reused":
      throw new Error("a run without an idempotency key cannot have reused one");
    case "busy":
    case "following":
    case "undecided":
      return waits("The flow's exclusion group takes no more runs at present.");
  }
}
