import type { RunView } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import { authorizeCall } from "./authorize-call";
import type { Endpoint } from "./endpoint";
import type { IncomingCall } from "./incoming-call";
import { preferredWait } from "./prefer";
import type { Rendered, Renderer, TriggerServices } from "./trigger-flow";

/**
 * How a run of an endpoint stands. Every id that names no durable run of this endpoint gets the same answer, so that nothing
 * can be learnt about others. Whoever may trigger the endpoint may poll. `Prefer: wait=N` waits for the run's end.
 * @throws SluiceError not_found, unauthenticated, forbidden
 */
export async function pollRun(
  services: Pick<TriggerServices, "shards" | "keys">,
  endpoint: Endpoint,
  processId: string,
  call: Pick<IncomingCall, "headers">,
  render: Renderer,
): Promise<Rendered> {
  await authorizeCall(services, endpoint, call);
  const wait = preferredWait(call.headers.get("prefer"));
  const view = await findView(services, endpoint, processId, 0);
  if (wait === undefined) return render.state(view, "polled");
  const later =
    view.outcome === undefined ? await findView(services, endpoint, processId, wait * 1_000) : view;
  return render.state(later, "polled", `wait=${wait}`);
}

async function findView(
  { shards }: Pick<TriggerServices, "shards">,
  { environment, pointer }: Endpoint,
  processId: string,
  waitMs: number,
): Promise<RunView> {
  const found = await shards.poll(environment.id, processId, waitMs);
  if (found.kind === "found" && found.view.flowId === pointer.flowId) return found.view;
  throw new SluiceError(
    "not_found",
    "This endpoint has no run with this process id that could be polled. Synchronous runs end with their answer, and asynchronous ones can be polled for some days.",
  );
}
