import type { Environment } from "../../domain/environment";
import type { RateLimit } from "../../domain/principal";
import type { Scope } from "../../domain/scope";

export type ApiKeyKind = "data" | "organization";

/** An organization's API key as it is checked. */
export interface KnownApiKey {
  id: number;
  organizationId: number;
  kind: ApiKeyKind;
  /** Milliseconds since 1970. */
  expiresAt: number | null;
  revokedAt: number | null;
}

/** An interface as its project declares it, with the hashes of its credentials where it has been given any. */
export interface KnownInterface {
  name: string;
  environment: Environment;
  access: "oauth" | "apikey" | "both";
  scopes: readonly Scope[];
  /** Addresses and CIDR ranges; absent when calls may come from anywhere. */
  ipAllowList?: readonly string[] | undefined;
  rateLimit: RateLimit;
  credentials: { clientId: string; clientSecretHash: string; appKeyHash: string } | undefined;
}

export interface KnownToken {
  hash: string;
  kind: "access" | "refresh";
  family: string;
  clientId: string;
  environmentId: number;
  scopes: readonly Scope[] | null;
  issuedAt: number;
  expiresAt: number | null;
  spentAt: number | null;
}

/**
 * What credentials stand for, looked up by hash. Answers may be some seconds old in an isolate; what this isolate itself
 * changed is in force at once.
 */
export interface AccessDirectory {
  apiKey(hash: string): Promise<KnownApiKey | undefined>;
  /** The organization's environment with this host name, else its default one. */
  environmentOf(organizationId: number, host: string): Promise<Environment | undefined>;
  /** Whether the host name is that of some environment. */
  environmentAt(host: string): Promise<Environment | undefined>;
  /** By name, or by the hash of its app key. */
  interfaceNamed(
    environmentId: number,
    name: string,
    appKeyHash: string,
  ): Promise<KnownInterface | undefined>;
  interfaceOfClient(clientId: string): Promise<KnownInterface | undefined>;
  accessToken(hash: string): Promise<KnownToken | undefined>;
  /** Notes that a key was used; written now and then, after the answer. */
  used(kind: "api_key" | "event_token", id: number): void;
}

/** How a window stands after a call asked to be counted. */
export interface RateState {
  allowed: boolean;
  limit: number;
  /** Calls left in the window. */
  remaining: number;
  /** Milliseconds until the next window. */
  resetMs: number;
  windowMs: number;
}

/** Counts calls in fixed windows. */
export interface RateLimiter {
  take(key: string, rate: RateLimit): Promise<RateState>;
}

/** Needs of everything that checks who calls. */
export interface AccessServices {
  access: AccessDirectory;
  limiter: RateLimiter;
  world: { now(): number };
}
