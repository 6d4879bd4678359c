import { ADMIN_USER, isUsableAdminToken, MIN_ADMIN_TOKEN_CHARS, sameText } from "../auth/admin-token";
import { keyInHeader } from "../auth/api-key";
import { sha256Hex } from "../domain/digest";
import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { mayOnProject } from "../domain/identity";
import { requireKeyUse } from "./authorize-call";
import type { Keys } from "./identity-ports";
import type { HeaderFields } from "./incoming-call";

/** Counts failed attempts, by the client's address. */
export interface AttemptGuard {
  /** Milliseconds until an attempt with a credential (its hash) is looked at. */
  wait(address: string, hash: string): Promise<number>;
  failed(address: string): Promise<void>;
  succeeded(address: string, hash: string): Promise<void>;
}

/** Checks tokens of Cloudflare Access. @throws SluiceError unauthenticated, unavailable */
export interface AccessTokens {
  verify(token: string): Promise<string>;
}

export interface AdminAuthentication {
  adminToken: string | undefined;
  /** Where Cloudflare Access is configured. */
  accessTokens: AccessTokens | undefined;
  keys: Keys;
  attempts: AttemptGuard;
}

/** With what somebody proved who he is. */
export type CredentialKind = "admin-token" | "access" | "key";

/** Who calls the management API. */
export interface Administrator {
  user: string;
  credential: CredentialKind;
  /** Of a user's key. */
  keyId: string | null;
  /** Privileges of a user; `undefined` for administrators of the deployment, who may do everything. */
  privileges: ReadonlySet<string> | undefined;
  /** Groups of a user; `undefined` for administrators of the deployment. */
  groups: readonly string[] | undefined;
}

/**
 * Who calls the management API: with the administrator's token, a token of Cloudflare Access, or a user's API key. One
 * credential counts: `Authorization` if it is there, whatever else was sent, else `Cf-Access-Jwt-Assertion`.
 * @param address the client's, as the platform tells it
 * @throws SluiceError not_configured, unauthenticated, forbidden, rate_limited, unavailable
 */
export async function authenticateAdmin(
  services: AdminAuthentication,
  headers: Pick<HeaderFields, "get">,
  address: string,
  environment: Environment,
): Promise<Administrator> {
  const { adminToken, accessTokens, attempts } = services;
  if (!isUsableAdminToken(adminToken) && accessTokens === undefined) {
    throw new SluiceError(
      "not_configured",
      `The management API is closed: set the secret ADMIN_TOKEN to at least ${MIN_ADMIN_TOKEN_CHARS} characters.`,
    );
  }
  const authorization = headers.get("authorization");
  const given = authorization ?? headers.get("cf-access-jwt-assertion");
  if (given === null) {
    throw new SluiceError("unauthenticated", "Send the administrator's token as `Authorization: Bearer …`.");
  }
  const hash = await sha256Hex(given);
  const wait = await attempts.wait(address, hash);
  if (wait > 0) {
    throw new SluiceError("rate_limited", "Too many attempts with wrong credentials from this address.", {
      retryAfter: Math.ceil(wait / 1_000),
    });
  }
  try {
    const administrator =
      authorization === null
        ? await ofAccess(services, given)
        : await ofAuthorization(services, authorization, environment);
    await attempts.succeeded(address, hash);
    return administrator;
  } catch (error) {
    if (error instanceof SluiceError && error.code === "unauthenticated") await attempts.failed(address);
    throw error;
  }
}

const EVERYTHING = { keyId: null, privileges: undefined, groups: undefined };

async function ofAuthorization(
  services: AdminAuthentication,
  authorization: string,
  environment: Environment,
): Promise<Administrator> {
  const { adminToken, accessTokens, keys } = services;
  const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined && isUsableAdminToken(adminToken) && sameText(bearer, adminToken)) {
    return { user: ADMIN_USER, credential: "admin-token", ...EVERYTHING };
  }
  const token = keyInHeader(authorization);
  if (token !== undefined && isKey(token)) {
    const { key, standing } = await keys.holder(token);
    requireKeyUse(key, standing, environment.organizationId);
    return {
      user: standing.user,
      credential: "key",
      keyId: key.id,
      privileges: new Set(standing.privileges),
      groups: standing.groups,
    };
  }
  if (token !== undefined && accessTokens !== undefined) return ofAccess(services, token);
  throw new SluiceError(
    "unauthenticated",
    "This is not the administrator's token, which is sent as `Authorization: Bearer …`.",
  );
}

async function ofAccess({ accessTokens }: AdminAuthentication, token: string): Promise<Administrator> {
  if (accessTokens === undefined) {
    throw new SluiceError(
      "unauthenticated",
      "Cloudflare Access is not configured here. Send the administrator's token as `Authorization: Bearer …`.",
    );
  }
  return { user: await accessTokens.verify(token), credential: "access", ...EVERYTHING };
}

/** Which of two verifiers a token is for, by the type that its header claims; what it claims is then verified. */
function isKey(token: string): boolean {
  try {
    const header: unknown = JSON.parse(
      atob((token.split(".", 1)[0] ?? "").replaceAll("-", "+").replaceAll("_", "/")),
    );
    return typeof header === "object" && header !== null && "typ" in header && header.typ === "api-key+jwt";
  } catch {
    return false;
  }
}

/**
 * Whether the caller may do this. Administrators of the deployment may do everything; users with keys what their privileges
 * say, and only below one project.
 * @param path below `/admin/v1`, as it was sent
 * @throws SluiceError forbidden
 */
export function authorizeAdmin({ privileges }: Administrator, method: string, path: string): void {
  if (privileges === undefined) return;
  const project = /^\/projects\/([^/]+)(?:\/|$)/.exec(path)?.[1];
  const wanted = isSafe(method) ? "View Project" : "Administer Project";
  if (project !== undefined && mayOnProject(privileges, decoded(project), wanted)) return;
  throw new SluiceError(
    "forbidden",
    project === undefined
      ? "A user's key reaches only what is below /admin/v1/projects/{project}."
      : `The user of this key lacks the privilege "${wanted}: <this project>".`,
  );
}

/** Methods that change nothing (RFC 9110, 9.2.1). */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
