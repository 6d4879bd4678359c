import type { CallbackAddress, CallbackSigner } from "../auth/callback-token";
import type { CallbackRun } from "../domain/durable-run";
import { SluiceError } from "../domain/errors";
import type { Json } from "../domain/json";
import { MAX_STORED_VALUE_BYTES } from "../domain/limits";
import { type NamesRead, noNames } from "../engine/plan";
import type { IncomingCall } from "./incoming-call";
import type { RunShards, World } from "./ports";
import { HttpRunInput } from "./run-input";

export interface CallbackServices {
  shards: RunShards;
  world: World;
  /** Absent where the deployment has no master key. */
  callbackSigner: CallbackSigner | undefined;
}

/** What whoever has a callback's URL is told of it. */
export interface DescribedCallback {
  run: CallbackRun;
  node: string;
  /** What is asked for, once the run has come to it. */
  about: string | null;
  /** Milliseconds since 1970; null as long as the run has not come to it. */
  expiresAt: number | null;
}

/** What of a call the flow gets. */
const FIELDS = ["body", "contentType", "json", "form", "xml", "query", "header"] as const;
const ALL: NamesRead = { ...noNames(), input: new Set(FIELDS) };

/**
 * Tells what a callback is for, without using it up.
 * @throws SluiceError not_found for a URL that was not made here; conflict when it was used; gone when its time is over
 */
export async function describeCallback(
  services: CallbackServices,
  token: string,
): Promise<DescribedCallback> {
  const { environmentId, runId, step } = addressOf(services, token);
  const found = await services.shards.callback(environmentId, runId, step);
  if (found.kind === "over") throw over();
  const { run, standing } = found;
  if (standing.kind === "used") throw used(standing.at);
  if (standing.kind === "expired") throw expired(standing.at);
  return { run, node: step, about: standing.about, expiresAt: standing.due };
}

/**
 * Hands a call to the run that waits for it. The first one counts; when this resolves it is on disk.
 * @throws SluiceError not_found, conflict, gone as above; invalid_request, payload_too_large for a body that is not taken
 */
export async function answerCallback(
  services: CallbackServices,
  token: string,
  call: IncomingCall,
): Promise<void> {
  const { environmentId, runId, step } = addressOf(services, token);
  const input = await HttpRunInput.read(call);
  input.need(ALL);
  const content: Record<string, Json> = { at: new Date(services.world.now()).toISOString() };
  for (const field of FIELDS) {
    const value = input.view[field] as Json | undefined;
    if (value !== undefined) content[field] = value;
  }
  const answer = await services.shards.answerCallback(environmentId, runId, step, JSON.stringify(content));
  switch (answer.kind) {
    case "taken":
      return;
    case "used":
      throw used(answer.at);
    case "expired":
      throw expired(answer.at);
    case "over":
      throw over();
    case "too_large":
      throw new SluiceError(
        "payload_too_large",
        `The call is larger than a durable run stores: ${MAX_STORED_VALUE_BYTES} bytes (MAX_STORED_VALUE_BYTES). Nothing was taken; the URL is still good.`,
        { limit: "MAX_STORED_VALUE_BYTES" },
      );
  }
}

function addressOf({ callbackSigner }: CallbackServices, token: string): CallbackAddress {
  const address = callbackSigner?.verify(token);
  if (address !== undefined) return address;
  throw new SluiceError(
    "not_found",
    "There is no callback at this URL. Use it whole, as it was given: nothing in it may be changed.",
  );
}

function used(at: number): SluiceError {
  return new SluiceError(
    "conflict",
    `This URL was used at ${new Date(at).toISOString()}, and is good for one call only.`,
  );
}

function expired(at: number): SluiceError {
  return new SluiceError(
    "gone",
    `Nobody called this URL until ${new Date(at).toISOString()}, and the run went on without.`,
  );
}

function over(): SluiceError {
  return new SluiceError("gone", "The run that waited here is over.");
}
