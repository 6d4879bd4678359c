import { type Context, Hono } from "hono";
import { SluiceError } from "../../domain/errors";
import type { FlowAddress } from "../../domain/flow-address";
import { MAX_BODY_BYTES, MAX_URL_CHARS } from "../../domain/limits";
import { readBody } from "../../http/request-body";
import type { IncomingCall } from "../../operations/incoming-call";
import {
  authorizeCall,
  findEndpoint,
  type Rendered,
  type TriggerServices,
  triggerFlow,
} from "../../operations/trigger-flow";
import { renderError } from "./errors";
import { renderOutcome } from "./wire";

/** What the routes of this surface find in Hono's context. */
export interface ActionVariables {
  Variables: { trigger: TriggerServices; instance: string };
}

type ActionContext = Context<ActionVariables>;

const METHODS = ["GET", "POST"];

/** The action API: `/{instance}/api/1/action/…` (seed: PhixFlow Incoming API; contract, section 1). */
export const action = new Hono<ActionVariables>();

action.all("/:instance/api/1/action/*", async (context) => {
  try {
    return toResponse(await answer(context));
  } catch (error) {
    if (error instanceof SluiceError) return toResponse(renderError(error));
    throw error;
  }
});

async function answer(context: ActionContext): Promise<Rendered> {
  const request = context.req.raw;
  if (request.url.length > MAX_URL_CHARS) {
    throw new SluiceError(
      "invalid_request",
      `The URL is longer than ${MAX_URL_CHARS} characters (MAX_URL_CHARS).`,
      { limit: "MAX_URL_CHARS" },
    );
  }
  const url = new URL(request.url);
  const target = parsePath(url.pathname, context.get("instance"));
  if (!METHODS.includes(request.method)) {
    throw new SluiceError("method_not_allowed", `Call an endpoint with GET or POST, not ${request.method}.`, {
      allow: METHODS,
    });
  }
  const services = context.get("trigger");
  const endpoint = await findEndpoint(services.catalog, url.hostname, target.address);
  if (target.verb === "poll") {
    authorizeCall(endpoint);
    throw new SluiceError(
      "not_found",
      "This endpoint has no run with this process id that could be polled. Synchronous runs end with their answer.",
    );
  }
  const rendered = await triggerFlow(services, endpoint, incomingCall(request, url), renderOutcome);
  if (!endpoint.deprecated) return rendered;
  // RFC 9745 (Deprecation) and RFC 8288 (Link): version 10's form of the URL still works, and says where to go.
  const { project, flow } = endpoint.pointer;
  const successor = `/${context.get("instance")}/api/1/action/${encodeURIComponent(project)}/${encodeURIComponent(flow)}/trigger`;
  rendered.headers.push(["deprecation", "@1704067200"], ["link", `<${successor}>; rel="successor-version"`]);
  return rendered;
}

interface Target {
  address: FlowAddress;
  verb: "trigger" | "poll";
}

const UNKNOWN_PATH =
  "There is nothing at this path. An endpoint is at /{instance}/api/1/action/{project}/{flow}/trigger.";

/** Segments are decoded, then matched exactly. @throws SluiceError not_found; invalid_request for broken percent-encoding */
function parsePath(path: string, instance: string): Target {
  const segments = path.slice(1).split("/").map(decodeSegment);
  const [first, , , , ...rest] = segments;
  if (first !== instance) throw new SluiceError("not_found", UNKNOWN_PATH);
  if (rest.some((segment) => segment === "" || segment.includes("/")))
    throw new SluiceError("not_found", UNKNOWN_PATH);
  const [one, two, three, four] = rest as [string, string, string, string];
  if (rest.length === 3 && three === "trigger")
    return { address: { kind: "named", project: one, flow: two }, verb: "trigger" };
  if (rest.length === 2 && two === "trigger")
    return { address: { kind: "single", segment: one }, verb: "trigger" };
  if (rest.length === 4 && three === "poll" && four !== undefined)
    return { address: { kind: "named", project: one, flow: two }, verb: "poll" };
  if (rest.length === 3 && two === "poll") return { address: { kind: "single", segment: one }, verb: "poll" };
  throw new SluiceError("not_found", UNKNOWN_PATH);
}

function decodeSegment(segment: string): string {
  try {
    return segment.includes("%") ? decodeURIComponent(segment) : segment;
  } catch (cause) {
    throw new SluiceError(
      "invalid_request",
      "The URL's path has broken percent-encoding: each % is followed by two hexadecimal digits, and the bytes are UTF-8.",
      {},
      { cause },
    );
  }
}

function incomingCall(request: Request, url: URL): IncomingCall {
  return {
    method: request.method,
    url: request.url,
    query: url.searchParams,
    headers: request.headers as unknown as IncomingCall["headers"],
    client: request.headers.get("cf-connecting-ip") ?? "unknown",
    readBody: () => readBody(request, MAX_BODY_BYTES, "MAX_BODY_BYTES"),
  };
}

function toResponse({ status, headers, body }: Rendered): Response {
  return new Response(body, { status, headers });
}
