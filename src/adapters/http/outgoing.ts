import type {
  AccessToken,
  ConnectionPool,
  OutgoingAnswer,
  OutgoingPort,
  OutgoingRequest,
  PoolAnswer,
  PoolUser,
} from "../../engine/outgoing-port";
import type { CallTargets } from "../../operations/ports";
import { BoundedCache } from "../bounded-cache";
import { readBounded } from "./bounded-body";
import type { ConnectionPools } from "./connection-pools";
import { NameLookup } from "./name-lookup";
import { addressRefusal, isAddress, PrivateHosts, refusalOf } from "./target";

/** Milliseconds before its end at which a token counts as ended: it takes a while to arrive. */
const TOKEN_MARGIN_MS = 30_000;
/** Milliseconds that a token is kept whose lifetime nobody told. */
const UNTOLD_LIFETIME_MS = 300_000;
/** Origins of which it is known whether they may be called: an isolate calls a few dozen. */
const MAX_ORIGINS = 500;
/** Tokens kept: one per integration and environment. */
const MAX_TOKENS = 1_000;

export interface HttpOutgoingOptions {
  /** The setting ALLOW_PRIVATE_HOSTS. */
  privateHosts: string;
  /** The setting DOH_URL: where names are looked up before they are called. */
  resolver: string | undefined;
  pools: ConnectionPools;
}

interface KeptToken {
  token: string;
  /** Until when it can be used. */
  until: number;
}

/** Outgoing calls over the platform's `fetch`. */
export class HttpOutgoing implements OutgoingPort, CallTargets {
  readonly #private: PrivateHosts;
  readonly #names: NameLookup | undefined;
  readonly #pools: ConnectionPools;
  /** What was found out of origins: the same for every call. */
  readonly #refusals = new BoundedCache<{ reason: string | undefined }>(MAX_ORIGINS);
  readonly #tokens = new BoundedCache<KeptToken>(MAX_TOKENS);

  constructor({ privateHosts, resolver, pools }: HttpOutgoingOptions) {
    this.#private = new PrivateHosts(privateHosts);
    this.#names = resolver === undefined ? undefined : new NameLookup(resolver);
    this.#pools = pools;
  }

  refusal(url: URL): string | undefined {
    const { origin } = url;
    // Credentials are part of no origin, and only http and https have one.
    if (origin === "null" || url.username !== "" || url.password !== "") return refusalOf(url, this.#private);
    let known = this.#refusals.get(origin);
    if (known === undefined) {
      known = { reason: refusalOf(url, this.#private) };
      this.#refusals.set(origin, known);
    }
    return known.reason;
  }

  async send(request: OutgoingRequest, signal: AbortSignal): Promise<OutgoingAnswer> {
    signal.throwIfAborted();
    const { url, method, body, responseLimit } = request;
    const refused =
      this.refusal(url) ?? (this.#names === undefined ? undefined : await this.#refusedByName(url, signal));
    if (refused !== undefined) return { kind: "refused", reason: refused };
    try {
      const response = await fetch(url.href, {
        method,
        // An object is taken over faster than a list of pairs. No name stands twice.
        headers: Object.fromEntries(request.headers),
        redirect: "manual",
        signal,
        ...(body === undefined ? {} : { body: body as BodyInit }),
      });
      const headers: [string, string][] = [];
      response.headers.forEach((value, name) => void headers.push([name, value]));
      const bytes = await readBody(response, headers, responseLimit);
      // A body that was cut off by the abort may look like one that has ended.
      signal.throwIfAborted();
      if (bytes === undefined) return { kind: "too_large" };
      return { kind: "answered", status: response.status, headers, body: bytes };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      return { kind: "failed", reason: failureOf(error) };
    }
  }

  connect(pool: ConnectionPool, user: PoolUser, signal: AbortSignal): Promise<PoolAnswer> {
    return this.#pools.connect(pool, user, signal);
  }

  keptToken(key: string): string | undefined {
    const kept = this.#tokens.get(key);
    return kept !== undefined && kept.until > Date.now() ? kept.token : undefined;
  }

  keepToken(key: string, { token, lifetimeMs = UNTOLD_LIFETIME_MS }: AccessToken): void {
    this.#tokens.set(key, { token, until: Date.now() + Math.max(0, lifetimeMs - TOKEN_MARGIN_MS) });
  }

  forgetToken(key: string): void {
    this.#tokens.delete(key);
  }

  /** What a look-up of the name says; nothing where the deployment has no resolver. */
  async #refusedByName(url: URL, signal: AbortSignal): Promise<string | undefined> {
    const host = url.hostname.replace(/\.+$/, "");
    const names = this.#names;
    if (names === undefined || isAddress(host) || this.#private.allows(url)) return undefined;
    let addresses: readonly string[];
    try {
      addresses = await names.addresses(host, signal);
    } catch {
      if (signal.aborted) throw signal.reason;
      return `the address of "${host}" could not be looked up (DOH_URL)`;
    }
    if (addresses.length === 0) return `"${host}" has no address`;
    return addresses.some((address) => addressRefusal(address) !== undefined)
      ? `"${host}" leads to an address that is not public`
      : undefined;
  }
}

/**
 * An answer's body. One that says how long it is can be read at once, which is faster; the length of one that is compressed
 * says nothing of what it will be.
 */
async function readBody(
  response: Response,
  headers: readonly (readonly [string, string])[],
  limit: number,
): Promise<Uint8Array | undefined> {
  const length = headers.find(([name]) => name === "content-length")?.[1];
  if (
    length === undefined ||
    !/^\d{1,15}$/.test(length) ||
    headers.some(([name]) => name === "content-encoding")
  ) {
    return readBounded(response.body, limit);
  }
  if (Number(length) > limit && response.body !== null) {
    response.body.cancel().catch(() => undefined);
    return undefined;
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** The platform's words for a failed call, as far as they say something. */
function failureOf(error: unknown): string {
  const text = error instanceof Error ? error.message : "";
  if (/refused/i.test(text)) return "the connection was refused";
  if (/resolve|getaddrinfo|DNS|not found/i.test(text)) return "its name could not be resolved";
  if (/certificate|TLS|SSL/i.test(text)) return "its certificate or TLS connection was not accepted";
  if (/disconnected|reset|lost|closed|EOF|prematurely/i.test(text)) return "the connection was lost";
  return "the call failed on the network";
}
