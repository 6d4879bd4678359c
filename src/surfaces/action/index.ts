import { type Context, Hono } from "hono";
import { SluiceError } from "../../domain/errors";
import type { FlowAddress } from "../../domain/flow-address";
import { MAX_BODY_BYTES, MAX_URL_CHARS } from "../../domain/limits";
import { presentable } from "../../http/presentable";
import { readBody } from "../../http/request-body";
import { requestId } from "../../http/request-id";
import type { IncomingCall } from "../../operations/incoming-call";
import { pollRun } from "../../operations/poll-run";
import {
  type Endpoint,
  findEndpoint,
  type Rendered,
  type Renderer,
  type TriggerServices,
  triggerFlow,
} from "../../operations/trigger-flow";
import { renderError } from "./errors";
import { renderOutcome, renderState } from "./wire";

/** What the routes of this surface find in Hono's context. */
export interface ActionVariables {
  Variables: { trigger: TriggerServices; instance: string };
}

type ActionContext = Context<ActionVariables>;

/** A HEAD would have to start a run to know its answer's headers, so there is none. */
const METHODS = ["GET", "POST", "OPTIONS"];

/** When version 11 replaced the one-segment form (RFC 9745: Unix time). */
const DEPRECATED_SINCE = "@1704067200";

/** The action API: `/{instance}/api/1/action/…` (seed: PhixFlow Incoming API; contract, section 1). */
export const action = new Hono<ActionVariables>();

action.all("/:instance/api/1/action/*", async (context) => {
  let rendered: Rendered;
  try {
    rendered = await answer(context);
  } catch (error) {
    rendered = refusal(error, context);
  }
  const { status, headers, body } = rendered;
  return new Response(context.req.raw.method === "HEAD" ? null : body, { status, headers });
});

function refusal(error: unknown, context: ActionContext, more: readonly [string, string][] = []): Rendered {
  const request = context.req.raw as unknown as Request;
  const id = requestId(request.headers);
  const rendered = renderError(presentable(error, request, id));
  rendered.headers.push(["x-request-id", id], ...more);
  return rendered;
}

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
  if (request.method === "OPTIONS") {
    return { status: 204, headers: [["allow", METHODS.join(", ")]], body: null };
  }
  const services = context.get("trigger");
  const endpoint = await findEndpoint(services.catalog, url.hostname, target.address);
  const notice = endpoint.deprecated ? deprecation(endpoint, target, context.get("instance")) : [];
  const render: Renderer = {
    outcome: (outcome) => renderOutcome(outcome, notice),
    state: (view, how, applied) =>
      renderState(view, how, `${url.pathname.replace(/\/trigger$/, "/poll/")}${view.id}`, applied, notice),
  };
  try {
    const call = incomingCall(request, url);
    if (target.processId === undefined) return await triggerFlow(services, endpoint, call, render);
    return await pollRun(services, endpoint, target.processId, call, render);
  } catch (error) {
    return refusal(error, context, notice);
  }
}

/** RFC 9745 (Deprecation) and RFC 8288 (Link): version 10's form of the URL still works, and says where to go. */
function deprecation({ pointer }: Endpoint, { processId }: Target, instance: string): [string, string][] {
  const path = [
    pointer.project,
    pointer.flow,
    ...(processId === undefined ? ["trigger"] : ["poll", processId]),
  ];
  const successor = `/${instance}/api/1/action/${path.map(encodeURIComponent).join("/")}`;
  return [
    ["deprecation", DEPRECATED_SINCE],
    ["link", `<${successor}>; rel="successor-version"`],
  ];
}

interface Target {
  address: FlowAddress;
  /** The run to poll; `undefined` to trigger one. */
  processId: string | undefined;
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
  const [one = "", two = "", three, four] = rest;
  const named: FlowAddress = { kind: "named", project: one, flow: two };
  const single: FlowAddress = { kind: "single", segment: one };
  if (rest.length === 3 && three === "trigger") return { address: named, processId: undefined };
  if (rest.length === 2 && two === "trigger") return { address: single, processId: undefined };
  if (rest.length === 4 && three === "poll") return { address: named, processId: four };
  if (rest.length === 3 && two === "poll") return { address: single, processId: three };
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
