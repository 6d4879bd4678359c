import { SluiceError } from "../../domain/errors";
import { MAX_BODY_BYTES } from "../../domain/limits";
import type { Principal } from "../../domain/principal";
import { CallCount } from "../../http/call-count";
import { clientAddress } from "../../http/client-address";
import { presentable } from "../../http/presentable";
import { readBody } from "../../http/request-body";
import { requireShortUrl, requireUncompressed } from "../../http/request-form";
import { requestId } from "../../http/request-id";
import { requestTarget } from "../../http/request-target";
import { anonymousPrincipal } from "../../operations/access/anonymous";
import { authenticateCall } from "../../operations/access/authenticate-call";
import { clientCredentialsOf, credentialsOf, inHeaders } from "../../operations/access/credentials";
import { requireRoom } from "../../operations/environments/storage-room";
import type { HeaderFields } from "../../operations/incoming-call";
import { formFields, type Payload, readPayload, unreadable } from "../../operations/payload";
import { failureOf } from "./errors";
import { answerFormat } from "./format";
import { readParameters, UrlParameters } from "./parameters";
import { type Asked, renderAnswer, renderFailure } from "./render";
import type { V1Answer, V1Call, V1Route } from "./route";
import { type Match, V1Router } from "./router";
import { routes } from "./routes";
import { fieldNames } from "./select-fields";
import type { V1Services } from "./services";

/** Whether the v1 API answers at a path. */
export function isV1(path: string): boolean {
  return path === "/v1" || path.startsWith("/v1/");
}

const router = new V1Router(routes);

/**
 * The v1 API, `/v1/…` (seed: Flowize REST API; contract, section 3). `route.ts` says how a route is written.
 * @param routing the routes; tests of the frame bring their own
 */
export async function answerV1Call(
  request: Request,
  services: V1Services,
  routing: V1Router = router,
): Promise<Response> {
  const exchange = new Exchange(request, services, routing);
  try {
    return exchange.count.told(await exchange.answer());
  } catch (error) {
    return exchange.count.told(await exchange.refuse(error));
  }
}

/** One request on its way to its answer. */
class Exchange {
  readonly #request: Request;
  readonly #router: V1Router;
  readonly #services: V1Services;
  readonly #headers: HeaderFields;
  readonly #client: string;
  readonly #asked: Asked;
  readonly count: CallCount;

  constructor(request: Request, services: V1Services, routing: V1Router) {
    this.#request = request;
    this.#router = routing;
    this.#services = services;
    this.#headers = request.headers as unknown as HeaderFields;
    this.#client = clientAddress(request.headers);
    this.count = new CallCount(services.limiter, this.#client);
    this.#asked = {
      method: request.method,
      headers: request.headers,
      format: answerFormat(request.headers.get("accept"), request.headers.get("content-type"), false),
      fields: undefined,
      listIn: undefined,
      client: this.#client,
      now: services.world.now(),
    };
  }

  async answer(): Promise<Response> {
    const { method, url } = this.#request;
    requireShortUrl(url);
    const { host, path, query } = requestTarget(url);
    if (method === "OPTIONS" && !/^\/v1\/options\/*$/.test(path)) return this.#options(path);
    const { route, path: segments } = this.#router.match(method === "OPTIONS" ? "GET" : method, path);
    this.count.counts = route.limited !== false;
    this.#readFormat(route);
    return this.#run({ route, path: segments }, host, new URLSearchParams(query));
  }

  async #options(path: string): Promise<Response> {
    const allow = this.#router.methods(path);
    if (allow.length === 0) this.#router.match("GET", path);
    await this.count.takeAddress();
    return new Response(null, { status: 204, headers: { allow: allow.join(", ") } });
  }

  #readFormat(route: V1Route): void {
    this.#asked.listIn = route.listIn;
    if (route.textOut !== true) return;
    const { headers } = this.#request;
    this.#asked.format = answerFormat(headers.get("accept"), headers.get("content-type"), true);
  }

  async #run({ route, path }: Match, host: string, query: URLSearchParams): Promise<Response> {
    const url = await this.#readParameters(route, query);
    this.#asked.fields = fieldNames(url.get("fields"));
    const credentials =
      route.authority === "client" ? clientCredentialsOf(this.#headers) : credentialsOf(this.#headers, url);
    const principal =
      route.authority === "none"
        ? undefined
        : await authenticateCall(this.#services, credentials, {
            authority: route.authority,
            scope: route.scope,
            method: route.method,
            host,
            client: this.#client,
          });
    const call = async (): Promise<V1Answer> => {
      const body = await this.#payload(route);
      const known = principal ?? (await anonymousPrincipal(this.#services, host, this.#client));
      const made: V1Call = {
        method: route.method,
        url: this.#request.url,
        path,
        parameters: readParameters(
          route.parameters ?? {},
          this.#headers,
          url,
          route.authority !== "none" && inHeaders(credentials),
        ),
        headers: this.#headers,
        body,
        principal: known,
        credentials,
        client: this.#client,
        fresh: /\bno-cache\b/i.test(this.#headers.get("cache-control") ?? ""),
        format: this.#asked.format,
        fields: this.#asked.fields,
        signal: this.#request.signal,
        services: this.#services,
      };
      if (route.stores === true) await requireRoom(this.#services.room, known.environment.id);
      return route.handle(made);
    };
    return renderAnswer(await this.#admitted(route, principal, call), this.#asked);
  }

  /** Runs a call once it has a permit of its window; one that changes nothing meanwhile, so that nobody waits twice. */
  async #admitted(
    route: V1Route,
    principal: Principal | undefined,
    call: () => Promise<V1Answer>,
  ): Promise<V1Answer> {
    if (!this.count.counts) return call();
    const count = principal === undefined ? this.count.takeAddress() : this.count.take(principal.rate);
    if (!(route.safe ?? route.method === "GET")) {
      await count;
      return call();
    }
    const early = call();
    // What it may throw matters only once it is known that it may run at all.
    early.catch(() => {});
    await count;
    return early;
  }

  /** The parameters of the URL, with those of a form in the body where that is no data. */
  async #readParameters(route: V1Route, query: URLSearchParams): Promise<UrlParameters> {
    const parameters = new UrlParameters();
    for (const [name, value] of query as Iterable<[string, string]>) parameters.add(name, value);
    if (route.body === "bytes") return parameters;
    const contentType = this.#request.headers.get("content-type") ?? "";
    // Where no data is taken, a form may also come under another content type, as in the seed's own searches.
    if (route.method !== "GET" && route.body !== "none") return parameters;
    for (const [name, values] of Object.entries(formFields(await this.#bytes(), contentType))) {
      for (const value of [values].flat()) parameters.add(name, value);
    }
    return parameters;
  }

  /** The body as its route takes it, read only once it is known that the call is allowed. */
  async #payload(route: V1Route): Promise<Payload> {
    const contentType = this.#request.headers.get("content-type") ?? "";
    if (route.method === "GET" || route.body === "none") {
      return { kind: "none", contentType, bytes: new Uint8Array(), value: undefined, text: "" };
    }
    const bytes = await this.#bytes(route.maxBytes);
    if (route.body === "bytes") {
      return { kind: "bytes", contentType, bytes, value: undefined, text: undefined };
    }
    const payload = await readPayload(bytes, contentType);
    checkBody(route, payload);
    return payload;
  }

  async #bytes(maxBytes: V1Route["maxBytes"] = undefined): Promise<Uint8Array> {
    if (!this.#hasBody()) return new Uint8Array();
    if (maxBytes !== undefined) return readBody(this.#request, maxBytes.bytes, maxBytes.limit);
    const bytes = await readBody(this.#request, MAX_BODY_BYTES, "MAX_BODY_BYTES");
    if (bytes.length > 0) requireUncompressed(this.#request.headers, "the body");
    return bytes;
  }

  #hasBody(): boolean {
    const { headers } = this.#request;
    const length = headers.get("content-length");
    return length === null ? headers.has("transfer-encoding") || this.#request.body !== null : length !== "0";
  }

  async refuse(error: unknown): Promise<Response> {
    const shown = await this.count.refusal(error);
    const id = requestId(this.#request.headers);
    return renderFailure(failureOf(presentable(shown, this.#request, id)), this.#asked, id);
  }
}

const READS = ["json", "xml", "form"] as const;

/** @throws SluiceError unsupported_media_type, invalid_request */
function checkBody(route: V1Route, body: Payload): void {
  if (body.kind === "none") {
    if (route.bodyRequired === true) throw new SluiceError("invalid_request", "The body is missing.");
    return;
  }
  const accepts: readonly string[] = route.accepts ?? READS;
  if (accepts.includes(body.kind)) return;
  throw unreadable(body, accepts.map((kind) => MEDIA_TYPES[kind] ?? kind).join(", "));
}

const MEDIA_TYPES: Record<string, string> = {
  json: "application/json",
  xml: "application/xml",
  form: "application/x-www-form-urlencoded",
  multipart: "multipart/form-data",
  text: "text/plain",
};
