import { SluiceError } from "../../domain/errors";
import type { FlowAddress } from "../../domain/flow-address";
import { MAX_BODY_BYTES, MAX_URL_CHARS } from "../../domain/limits";
import { presentable } from "../../http/presentable";
import { readBody } from "../../http/request-body";
import { requestId } from "../../http/request-id";
import { requestTarget } from "../../http/request-target";
import { type Endpoint, type EndpointName, endpointName, findEndpoint } from "../../operations/endpoint";
import { type IncomingCall, NO_QUERY } from "../../operations/incoming-call";
import { pollRun } from "../../operations/poll-run";
import {
  type Rendered,
  type Renderer,
  type TriggerServices,
  triggerFlow,
} from "../../operations/trigger-flow";
import { renderError } from "./errors";
import { renderOutcome, renderState } from "./wire";

/** What this surface needs. */
export interface ActionServices extends TriggerServices {
  settings: {
    /** First segment of its URLs. */
    INSTANCE: string;
  };
}

/** What follows the first segment of this API's paths. */
const ACTION = "/api/1/action";

/** Whether this API answers at a URL: `/{instance}/api/1/action/…`, whatever the instance. */
export function isActionCall(url: string): boolean {
  if (known.has(url)) return true;
  const first = url.indexOf("/", url.indexOf("//") + 2);
  const second = url.indexOf("/", first + 1);
  if (first < 0 || second <= first + 1) return false;
  const query = url.indexOf("?", first);
  if (query >= 0 && query < second) return false;
  if (url.startsWith(ACTION, second)) {
    const next = url[second + ACTION.length];
    return next === undefined || next === "/" || next === "?";
  }
  return url.includes("%", second) && ENCODED_ACTION.test(decodedPath(url.slice(second)));
}

/** The same written with percent-encoding, which means the same (RFC 3986, section 6.2.2.2). */
const ENCODED_ACTION = /^\/api\/1\/action(?:\/|$)/;

function decodedPath(path: string): string {
  return (
    path
      .split("?", 1)[0]
      ?.replace(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16))) ?? ""
  );
}

/** A HEAD would have to start a run to know its answer's headers, so there is none. */
const METHODS = ["GET", "POST", "OPTIONS"];

/** When version 11 replaced the one-segment form (RFC 9745: Unix time). */
const DEPRECATED_SINCE = "@1704067200";

/**
 * The action API, `/{instance}/api/1/action/…` (seed: PhixFlow Incoming API; contract, section 1). It is the hot path: it
 * takes the request as it is, without a router's parameters and variables.
 * @param url the request's own: asking it again would ask the platform
 */
export async function answerActionCall(
  request: Request,
  url: string,
  services: ActionServices,
): Promise<Response> {
  const { method } = request;
  let notice = NO_HEADERS;
  let rendered: Rendered;
  try {
    const { INSTANCE: instance } = services.settings;
    const target = targetOf(url, instance, services.catalog.generation);
    if (method === "POST" || method === "GET") {
      const found = findEndpoint(services.catalog, target, services.world.now());
      const endpoint = found instanceof Promise ? await found : found;
      if (endpoint.deprecated) notice = deprecation(endpoint, target, instance);
      const call = new HttpCall(request, method, url, target.query);
      const render = rendererOf(target, notice);
      rendered = await (target.processId === undefined
        ? triggerFlow(services, endpoint, call, render)
        : pollRun(services, endpoint, target.processId, call, render));
    } else rendered = withoutCall(method);
  } catch (error) {
    rendered = refusal(error, request, notice);
  }
  const { status, headers, body } = rendered;
  return new Response(method === "HEAD" ? null : body, { status, headers: headersInit(headers) });
}

/** What methods get that call nothing. */
function withoutCall(method: string): Rendered {
  if (method === "OPTIONS") return { status: 204, headers: [["allow", METHODS.join(", ")]], body: null };
  throw new SluiceError("method_not_allowed", `Call an endpoint with GET or POST, not ${method}.`, {
    allow: METHODS,
  });
}

function rendererOf({ path }: Target, notice: [string, string][]): Renderer {
  return {
    outcome: (outcome) => renderOutcome(outcome, notice),
    state: (view, how, applied) =>
      renderState(view, how, `${path.replace(/\/trigger$/, "/poll/")}${view.id}`, applied, notice),
  };
}

/** Headers as an object, which the platform takes in faster than a list; a list where a name is repeated. */
function headersInit(headers: readonly [string, string][]): Record<string, string> | [string, string][] {
  const fields: Record<string, string> = {};
  for (let index = 0; index < headers.length; index += 1) {
    const [name, value] = headers[index] as [string, string];
    if (name === "__proto__" || isRepeated(headers, name, index)) return [...headers];
    fields[name] = value;
  }
  return fields;
}

/** Whether a header of this name, in any case, stands before the place `index`. Answers have few headers. */
function isRepeated(headers: readonly [string, string][], name: string, index: number): boolean {
  const wanted = name.toLowerCase();
  for (let before = 0; before < index; before += 1) {
    if ((headers[before] as [string, string])[0].toLowerCase() === wanted) return true;
  }
  return false;
}

function refusal(error: unknown, request: Request, more: readonly [string, string][] = []): Rendered {
  const id = requestId(request.headers);
  const rendered = renderError(presentable(error, request, id));
  rendered.headers.push(["x-request-id", id], ...more);
  return rendered;
}

const NO_HEADERS: [string, string][] = [];

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

/** What a URL of this API wants. */
interface Target extends EndpointName {
  /** As it was sent, percent-encoded. */
  path: string;
  /** Without its `?`; empty when there is none. */
  query: string;
  /** The run to poll; `undefined` to trigger one. */
  processId: string | undefined;
}

const UNKNOWN_PATH =
  "There is nothing at this path. An endpoint is at /{instance}/api/1/action/{project}/{flow}/trigger.";

/** URLs that are remembered, so that the list stays small whatever is asked for. */
const MAX_KNOWN_URLS = 1_000;

/** What URLs of triggers mean: the same few are called again and again. */
const known = new Map<string, Target>();
/** The instance and the catalog's generation of which they are. */
let knownOf: { instance: string; generation: object | undefined } = { instance: "", generation: undefined };

function targetOf(url: string, instance: string, generation: object): Target {
  if (generation !== knownOf.generation || instance !== knownOf.instance) {
    known.clear();
    knownOf = { instance, generation };
  }
  const before = known.get(url);
  if (before !== undefined) return before;
  if (url.length > MAX_URL_CHARS) {
    throw new SluiceError(
      "invalid_request",
      `The URL is longer than ${MAX_URL_CHARS} characters (MAX_URL_CHARS).`,
      { limit: "MAX_URL_CHARS" },
    );
  }
  const { host, path, query } = requestTarget(url);
  const { address, processId } = parsePath(path, instance);
  const target = { path, query, processId, ...endpointName(host, address) };
  // Each run has a URL of its own to be polled at, and queries differ from call to call.
  if (processId === undefined && query === "") {
    if (known.size >= MAX_KNOWN_URLS) known.clear();
    known.set(url, target);
  }
  return target;
}

/** Segments are decoded, then matched exactly. @throws SluiceError not_found; invalid_request for broken percent-encoding */
function parsePath(path: string, instance: string): Pick<Target, "address" | "processId"> {
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

/** A request as operations take it; what a call may never be asked for is made on demand. */
class HttpCall implements IncomingCall {
  readonly method: string;
  readonly url: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingCall["headers"];
  readonly #request: Request;

  /** @param method the request's own, as is `url` */
  constructor(request: Request, method: string, url: string, query: string) {
    this.#request = request;
    this.method = method;
    this.url = url;
    this.query = query === "" ? NO_QUERY : new URLSearchParams(query);
    this.headers = request.headers as unknown as IncomingCall["headers"];
  }

  get client(): string {
    return this.headers.get("cf-connecting-ip") ?? "unknown";
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  readBody(): Promise<Uint8Array> {
    return readBody(this.#request, MAX_BODY_BYTES, "MAX_BODY_BYTES");
  }
}
