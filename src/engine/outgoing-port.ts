/** Outgoing HTTP, as runs need it of the world. What is a result and what an error is decided here, in the engine. */

/** One HTTP request, complete: whoever sends it adds nothing but what the connection needs. */
export interface OutgoingRequest {
  method: string;
  url: URL;
  headers: readonly (readonly [string, string])[];
  body: string | Uint8Array | undefined;
  /** Bytes of the answer's body to read at the most. */
  responseLimit: number;
}

/** What came back. Nothing is followed: a redirect is an answer like others. */
export type OutgoingAnswer =
  | {
      kind: "answered";
      status: number;
      /** Names in lower case; a name may repeat. */
      headers: readonly (readonly [string, string])[];
      body: Uint8Array;
    }
  /** The target may not be called; nothing was sent. */
  | { kind: "refused"; reason: string }
  /** No answer, or a broken one: connection refused or reset, name not found, a length that was not kept. */
  | { kind: "failed"; reason: string }
  | { kind: "too_large" };

/** A pool of connections, of one integration in one environment. */
export interface ConnectionPool {
  environmentId: number;
  project: string;
  integration: string;
  /** Connections that may be in use at the same time. */
  size: number;
  /** Milliseconds to wait for a free one. */
  waitMs: number;
}

/** Who takes a connection, for whoever looks at a pool. */
export interface PoolUser {
  /** Unique to the call. */
  id: string;
  project: string;
  flow: string;
  flowId: number;
  user: string;
}

export type PoolAnswer =
  | { kind: "connected"; release(): void }
  | { kind: "busy" }
  /** The pool could not be asked, so nothing is decided. */
  | { kind: "undecided"; reason: string };

/** An access token, and for how many milliseconds it can be used; absent when nobody said. */
export interface AccessToken {
  token: string;
  lifetimeMs: number | undefined;
}

export interface OutgoingPort {
  /** Sends a request and reads the whole answer. Rejects with the signal's reason when it is aborted, and only then. */
  send(request: OutgoingRequest, signal: AbortSignal): Promise<OutgoingAnswer>;
  connect(pool: ConnectionPool, user: PoolUser, signal: AbortSignal): Promise<PoolAnswer>;
  /** The access token kept under `key`, while it can be used. */
  keptToken(key: string): string | undefined;
  keepToken(key: string, token: AccessToken): void;
  /** Forgets a token that was not accepted. */
  forgetToken(key: string): void;
}
