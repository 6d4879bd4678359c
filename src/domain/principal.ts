import type { Environment } from "./environment";
import type { Scope } from "./scope";

/** How often a caller may call. */
export interface RateLimit {
  /** Calls in a window. */
  limit: number;
  /** Milliseconds of a window. */
  windowMs: number;
}

/** The registered client application that a call comes from. */
export interface CallingInterface {
  name: string;
  environmentId: number;
}

/** Who calls the v1 API, and what it may do. Made from exactly one set of credentials. */
export interface Principal {
  kind: "oauth" | "apikey" | "client" | "organization" | "anonymous";
  organizationId: number;
  /** Whose data the call sees: the host's among those of the organization, else the organization's default. */
  environment: Environment;
  /** Absent for calls with an API key alone, and for anonymous ones. */
  interface?: CallingInterface;
  scopes: readonly Scope[];
  /** Name of the caller in histories and audit trails: never a credential. */
  name: string;
  /** Whose window its calls count in, and how large that is. */
  rate: RateLimit & { key: string };
}
