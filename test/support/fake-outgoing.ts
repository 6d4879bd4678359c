import type {
  AccessToken,
  ConnectionPool,
  OutgoingAnswer,
  OutgoingPort,
  OutgoingRequest,
  PoolAnswer,
  PoolUser,
} from "../../src/engine/outgoing-port";

/** An answer in a few words: a status, a body that goes as JSON unless it is a text, headers. */
export function answered(
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): OutgoingAnswer {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const type = body === undefined || typeof body === "string" ? {} : { "content-type": "application/json" };
  return {
    kind: "answered",
    status,
    headers: Object.entries({ ...type, ...headers }),
    body: new TextEncoder().encode(text),
  };
}

/** A request as tests look at it. */
export type SentRequest = Omit<OutgoingRequest, "url"> & { url: string };

type Handler = (request: SentRequest, signal: AbortSignal) => OutgoingAnswer | Promise<OutgoingAnswer>;

/** The rest of the world as a function of the request; it counts how many calls are under way. */
export class FakeOutgoing implements OutgoingPort {
  handler: Handler = () => answered(200, {});
  readonly sent: SentRequest[] = [];
  underWay = 0;
  mostUnderWay = 0;
  /** Calls that were aborted while they were under way. */
  aborted = 0;
  readonly tokens = new Map<string, AccessToken>();
  readonly pools: { pool: ConnectionPool; user: PoolUser }[] = [];
  connected = 0;

  async send(request: OutgoingRequest, signal: AbortSignal): Promise<OutgoingAnswer> {
    const sent = { ...request, url: request.url.href };
    this.sent.push(sent);
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        this.aborted += 1;
        reject(signal.reason);
      });
    });
    try {
      return await Promise.race([this.handler(sent, signal), aborted]);
    } finally {
      this.underWay -= 1;
    }
  }

  async connect(pool: ConnectionPool, user: PoolUser): Promise<PoolAnswer> {
    this.pools.push({ pool, user });
    if (this.connected >= pool.size) return { kind: "busy" };
    this.connected += 1;
    return { kind: "connected", release: () => (this.connected -= 1) };
  }

  keptToken(key: string): string | undefined {
    return this.tokens.get(key)?.token;
  }

  keepToken(key: string, token: AccessToken): void {
    this.tokens.set(key, token);
  }

  forgetToken(key: string): void {
    this.tokens.delete(key);
  }
}

/** Never answers. */
export function never(): Promise<OutgoingAnswer> {
  return new Promise(() => undefined);
}
