import { SluiceError } from "../../domain/errors";
import { MAX_BODY_BYTES } from "../../domain/limits";
import type { Principal } from "../../domain/principal";
import { decodeText } from "../../domain/text-encoding";
import { CallCount } from "../../http/call-count";
import { clientAddress } from "../../http/client-address";
import { presentable } from "../../http/presentable";
import { readBody } from "../../http/request-body";
import { requireShortUrl, requireUncompressed } from "../../http/request-form";
import { requestId } from "../../http/request-id";
import { requestTarget } from "../../http/request-target";
import { anonymousPrincipal } from "../../operations/access/anonymous";
import { authenticateCall, WRONG_CREDENTIALS } from "../../operations/access/authenticate-call";
import { type Credentials, credentialsOf } from "../../operations/access/credentials";
import type { HeaderFields } from "../../operations/incoming-call";
import { OPERATIONS, type SoapOperation } from "./description";
import { readEnvelope, type SoapRequest, writeResponse } from "./envelope";
import { faultResponse } from "./faults";
import { helpPage } from "./help";
import { checkRequired, readInput, type SoapInput } from "./input";
import { HANDLERS } from "./operations";
import type { SoapServices } from "./services";
import { type SoapVersion, versionOfType } from "./versions";
import { writeWsdl } from "./wsdl";

const PATH = "/v1/soap";
const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];

/** Whether the SOAP endpoint answers here. Slashes at the end do not count. */
export function isSoap(path: string): boolean {
  return path.startsWith(PATH) && /^\/*$/.test(path.slice(PATH.length));
}

/** The SOAP endpoint, `/v1/soap` (seed: SOAP Web services; contract, section 3). */
export async function answerSoapCall(request: Request, services: SoapServices): Promise<Response> {
  const exchange = new Exchange(request, services);
  try {
    return exchange.count.told(await exchange.answer());
  } catch (error) {
    return exchange.count.told(await exchange.refuse(error));
  }
}

/** One request on its way to its answer. */
class Exchange {
  readonly #request: Request;
  readonly #services: SoapServices;
  readonly #headers: HeaderFields;
  readonly #client: string;
  #version: SoapVersion;
  readonly count: CallCount;

  constructor(request: Request, services: SoapServices) {
    this.#request = request;
    this.#services = services;
    this.#headers = request.headers as unknown as HeaderFields;
    this.#client = clientAddress(request.headers);
    this.count = new CallCount(services.limiter, this.#client);
    this.#version = versionOfType(request.headers.get("content-type") ?? "");
  }

  async answer(): Promise<Response> {
    const { method, url } = this.#request;
    requireShortUrl(url);
    switch (method) {
      case "POST":
        return this.#call();
      case "GET":
      case "HEAD":
        return this.#describe();
      case "OPTIONS":
        return new Response(null, { status: 204, headers: { allow: METHODS.join(", ") } });
      default:
        throw new SluiceError("method_not_allowed", `This path takes ${METHODS.join(", ")}.`, {
          allow: METHODS,
        });
    }
  }

  /** The WSDL for `?wsdl`, else a page for people. */
  #describe(): Response {
    const { url, method } = this.#request;
    const { query } = requestTarget(url);
    const address = new URL(url).origin + PATH;
    const wanted = [...new URLSearchParams(query).keys()].some((name) => name.toLowerCase() === "wsdl");
    const text = wanted ? writeWsdl(address) : helpPage(address);
    return new Response(method === "HEAD" ? null : text, {
      headers: {
        "content-type": wanted ? "text/xml; charset=utf-8" : "text/html; charset=utf-8",
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      },
    });
  }

  async #call(): Promise<Response> {
    const asked = readEnvelope(await this.#text(), (version) => {
      this.#version = version;
    });
    const operation: SoapOperation = OPERATIONS[asked.operation];
    // Senders to webhooks are not interfaces: what bounds them is the signature.
    this.count.counts = operation.authority !== "none";
    const input = readInput(asked);
    const { host, query } = requestTarget(this.#request.url);
    const credentials = credentialsFrom(asked, input, this.#headers, new URLSearchParams(query));
    const principal = await this.#authenticate(operation, credentials, host);
    if (this.count.counts) await this.count.take(principal.rate);
    checkVersion(input);
    checkRequired(operation, input);
    const { code, resource, message, error } = await HANDLERS[asked.operation]({
      input,
      principal,
      credentials,
      headers: this.#headers,
      origin: new URL(this.#request.url).origin,
      host,
      client: this.#client,
      signal: this.#request.signal,
      services: this.#services,
    });
    const envelope = writeResponse(this.#version, asked.operation, {
      Id: code === 201 ? "created" : "ok",
      Code: String(code),
      RequestIP: this.#client,
      Resource: resource,
      Message: message,
      Error: error ?? "null",
    });
    return new Response(envelope, {
      status: code,
      headers: {
        "content-type": this.#version.contentType,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      },
    });
  }

  /** @throws SluiceError unsupported_media_type, payload_too_large, invalid_request */
  async #text(): Promise<string> {
    const { headers } = this.#request;
    const contentType = headers.get("content-type") ?? "";
    if (!/^(?:text\/xml|application\/xml|application\/soap\+xml)? *(?:;|$)/i.test(contentType.trim())) {
      throw new SluiceError(
        "unsupported_media_type",
        "Send the envelope as text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2).",
      );
    }
    requireUncompressed(headers, "the envelope");
    const bytes = await readBody(this.#request, MAX_BODY_BYTES, "MAX_BODY_BYTES");
    return decodeText(bytes, contentType === "" ? null : contentType, "The envelope");
  }

  async #authenticate(
    { authority, scope, method }: SoapOperation,
    credentials: Credentials,
    host: string,
  ): Promise<Principal> {
    if (authority === "none") return anonymousPrincipal(this.#services, host, this.#client);
    try {
      return await authenticateCall(this.#services, credentials, {
        authority,
        scope,
        method,
        host,
        client: this.#client,
      });
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== "unauthenticated") throw error;
      // The seed has one sentence; the operation's own speak of REST's headers.
      throw new SluiceError("unauthenticated", WRONG_CREDENTIALS, {}, { cause: error });
    }
  }

  async refuse(error: unknown): Promise<Response> {
    const shown = await this.count.refusal(error);
    const id = requestId(this.#request.headers);
    return faultResponse(presentable(shown, this.#request, id), this.#version, id);
  }
}

/**
 * The one set of credentials that counts: the token of the SOAP header, else what the HTTP headers hold, else the
 * AuthenticationObject, else the URL. Rights are never added up.
 */
function credentialsFrom(
  { token }: SoapRequest,
  input: SoapInput,
  headers: HeaderFields,
  url: URLSearchParams,
): Credentials {
  if (token !== undefined) return { form: "bearer", token, scopes: undefined };
  const apiKey = input.get("AuthenticationObject.Apikey");
  if (apiKey === undefined) return credentialsOf(headers, { get: (name) => url.get(name) ?? undefined });
  const inRequest: Record<string, string | undefined> = {
    api_key: apiKey,
    app_key: input.get("AuthenticationObject.Appkey"),
  };
  return credentialsOf(headers, { get: (name) => inRequest[name] });
}

/** `Version` is 1 (seed); left out, it is that, too. @throws SluiceError invalid_request */
function checkVersion(input: SoapInput): void {
  const version = input.get("AuthenticationObject.Version");
  if (version === undefined || /^v?1(?:\.0*)?$/i.test(version)) return;
  const path = "AuthenticationObject.Version";
  throw new SluiceError("invalid_request", `${path}: the one version is 1.`, {
    problems: [{ path, reason: "expected 1" }],
  });
}
