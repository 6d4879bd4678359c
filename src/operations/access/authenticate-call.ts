import { credentialHash, sameHash } from "../../domain/credential";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { addressIn } from "../../domain/ip-range";
import { DEFAULT_RATE_LIMIT, DEFAULT_RATE_WINDOW_MS } from "../../domain/limits";
import type { Principal } from "../../domain/principal";
import { includesScope, isScope, SCOPES, type Scope, scopeNames } from "../../domain/scope";
import type { Credentials } from "./credentials";
import type { AccessServices, ApiKeyKind, KnownApiKey, KnownInterface } from "./ports";

/**
 * Whose credentials a call needs:
 * - `interface`: an interface's, by token, API key with `X-App`, or (to delete) its client secret;
 * - `apikey`: the same, or an API key alone;
 * - `client`: an interface's client id and secret, in headers;
 * - `organization`: the organization's own key;
 * - `none`: nobody's.
 */
export type CallAuthority = "interface" | "apikey" | "client" | "organization" | "none";

export interface CallNeeds {
  authority: CallAuthority;
  scope: Scope | undefined;
  method: string;
  /** Host name of the request. */
  host: string;
  /** The client's address, as the platform tells it. */
  client: string;
}

const DEFAULT_RATE = { limit: DEFAULT_RATE_LIMIT, windowMs: DEFAULT_RATE_WINDOW_MS };

/** One sentence for every wrong credential: which part was wrong would help a guesser. */
export const WRONG_CREDENTIALS = "The credentials are not correct.";

function wrong(): SluiceError {
  return new SluiceError("unauthenticated", WRONG_CREDENTIALS);
}

/**
 * Who calls, and that it may.
 * @throws SluiceError unauthenticated for missing or wrong credentials, invalid_token (436), address_denied (437),
 * forbidden for a scope
 */
export async function authenticateCall(
  services: AccessServices,
  credentials: Credentials,
  needs: CallNeeds,
): Promise<Principal> {
  switch (credentials.form) {
    case "none":
      throw new SluiceError("unauthenticated", missing(needs.authority));
    case "malformed":
      throw new SluiceError("unauthenticated", credentials.reason);
    case "bearer":
      return withToken(services, credentials, needs);
    case "apikey":
      return withApiKey(services, credentials, needs);
    case "client":
      return withClientSecret(services, credentials, needs);
  }
}

function missing(authority: CallAuthority): string {
  if (authority === "organization") return "Send the organization's API key as `X-Apikey`.";
  if (authority === "client") return "Send `client_id` and `client_secret` as headers.";
  if (authority === "apikey") return "Send `Authorization: Bearer …` or `X-Apikey`.";
  return "Send `Authorization: Bearer …`, or `X-Apikey` and `X-App`.";
}

async function withToken(
  services: AccessServices,
  credentials: Credentials & { form: "bearer" },
  needs: CallNeeds,
): Promise<Principal> {
  if (needs.authority === "organization") {
    throw new SluiceError("unauthenticated", missing(needs.authority));
  }
  const invalid = () => new SluiceError("invalid_token", "Access token not valid");
  const hash = await credentialHash(credentials.token);
  const token = hash === undefined ? undefined : await services.access.accessToken(hash);
  if (token === undefined || token.kind !== "access") throw invalid();
  if (token.expiresAt !== null && token.expiresAt <= services.world.now()) throw invalid();
  const known = await services.access.interfaceOfClient(token.clientId);
  if (known === undefined || known.environment.id !== token.environmentId || known.access === "apikey") {
    throw invalid();
  }
  await insideEnvironment(services, known, needs.host, invalid);
  return asInterface("oauth", known, token.scopes ?? known.scopes, credentials.scopes, needs);
}

async function withApiKey(
  services: AccessServices,
  credentials: Credentials & { form: "apikey" },
  needs: CallNeeds,
): Promise<Principal> {
  const kind: ApiKeyKind = needs.authority === "organization" ? "organization" : "data";
  // The environments chapter knows no credentials in URLs.
  if (kind === "organization" && credentials.from === "url") {
    throw new SluiceError("unauthenticated", missing(needs.authority));
  }
  const key = await standingKey(services, credentials.apiKey, kind);
  const environment = await services.access.environmentOf(key.organizationId, needs.host);
  if (environment === undefined) {
    throw new SluiceError("not_found", "No environment has this host name; it may have been deleted.");
  }
  if (kind === "organization" || (credentials.app === undefined && needs.authority === "apikey")) {
    const scopes = granted(SCOPES, credentials.scopes, needs.scope);
    return {
      kind: kind === "organization" ? "organization" : "apikey",
      organizationId: key.organizationId,
      environment,
      scopes,
      name: `api-key-${key.id}`,
      rate: { ...DEFAULT_RATE, key: `k${key.id}` },
    };
  }
  if (credentials.app === undefined) {
    throw new SluiceError(
      "unauthenticated",
      "Send the interface's name or app key as `X-App` (in a URL, `app_key`).",
    );
  }
  const appHash = await credentialHash(credentials.app);
  if (appHash === undefined) throw wrong();
  const known = await services.access.interfaceNamed(environment.id, credentials.app, appHash);
  if (known === undefined || known.access === "oauth") throw wrong();
  return asInterface("apikey", known, known.scopes, credentials.scopes, needs);
}

/** A key that stands: known, of the right kind, neither revoked nor expired. */
async function standingKey(services: AccessServices, apiKey: string, kind: ApiKeyKind): Promise<KnownApiKey> {
  const hash = await credentialHash(apiKey);
  const key = hash === undefined ? undefined : await services.access.apiKey(hash);
  if (key === undefined || key.kind !== kind || key.revokedAt !== null) throw wrong();
  if (key.expiresAt !== null && key.expiresAt <= services.world.now()) throw wrong();
  services.access.used("api_key", key.id);
  return key;
}

/** The seed deletes with `client_id` and `client_secret` in headers, and does nothing else with them. */
async function withClientSecret(
  services: AccessServices,
  credentials: Credentials & { form: "client" },
  needs: CallNeeds,
): Promise<Principal> {
  const deletes = needs.method === "DELETE" && needs.authority !== "organization";
  if (!deletes && needs.authority !== "client") {
    throw new SluiceError("unauthenticated", missing(needs.authority));
  }
  const known = await clientOf(services, credentials.clientId, credentials.clientSecret);
  await insideEnvironment(services, known, needs.host, wrong);
  return asInterface("client", known, known.scopes, credentials.scopes, needs);
}

/** The interface whose client id and secret these are. @throws SluiceError unauthenticated */
export async function clientOf(
  services: AccessServices,
  clientId: string,
  clientSecret: string,
): Promise<KnownInterface & { credentials: NonNullable<KnownInterface["credentials"]> }> {
  const hash = await credentialHash(clientSecret);
  const known = await services.access.interfaceOfClient(clientId);
  const right = known?.credentials !== undefined && sameHash(hash ?? "", known.credentials.clientSecretHash);
  if (known?.credentials === undefined || !right || known.access === "apikey") throw wrong();
  return { ...known, credentials: known.credentials };
}

/** @throws SluiceError address_denied (437) */
export function checkAddress(known: KnownInterface, client: string): void {
  if (known.ipAllowList === undefined || addressIn(client, known.ipAllowList)) return;
  throw new SluiceError("address_denied", "Ip not valid");
}

/** A token or secret is good for its own environment; at the host name of another it is no credential. */
export async function insideEnvironment(
  services: AccessServices,
  known: { environment: Environment },
  host: string,
  refusal: () => SluiceError,
): Promise<void> {
  const there = await services.access.environmentAt(host);
  if (there !== undefined && there.id !== known.environment.id) throw refusal();
}

function asInterface(
  kind: Principal["kind"],
  known: KnownInterface,
  holds: readonly Scope[],
  asked: string | undefined,
  needs: CallNeeds,
): Principal {
  checkAddress(known, needs.client);
  const { environment } = known;
  return {
    kind,
    organizationId: environment.organizationId,
    environment,
    interface: { name: known.name, environmentId: environment.id },
    scopes: granted(
      // A token keeps no scope that its interface has lost since.
      holds.filter((scope) => includesScope(known.scopes, scope)),
      asked,
      needs.scope,
    ),
    name: known.name,
    rate: interfaceRate(known),
  };
}

/** The window that all calls of an interface count in, whichever credentials they come with. */
export function interfaceRate(known: KnownInterface): Principal["rate"] {
  return { ...known.rateLimit, key: `e${known.environment.id}/${known.name}` };
}

/**
 * The scopes that a call runs with: those it asked for, all that its credentials hold when it asked for none.
 * @throws SluiceError forbidden when it asked for more than they hold, or when what it asked for is not enough
 */
function granted(
  holds: readonly Scope[],
  asked: string | undefined,
  needed: Scope | undefined,
): readonly Scope[] {
  const scopes = asked === undefined ? holds : requestedScopes(asked, holds);
  if (needed !== undefined && !includesScope(scopes, needed)) {
    throw new SluiceError("forbidden", `This call needs the scope \`${needed}\`.`);
  }
  return scopes;
}

/** @throws SluiceError forbidden for a scope that there is not, such as `*`, or that is not held */
export function requestedScopes(asked: string, holds: readonly Scope[]): readonly Scope[] {
  const names = scopeNames(asked);
  for (const name of names) {
    if (isScope(name) && includesScope(holds, name)) continue;
    throw new SluiceError(
      "forbidden",
      `The scope ${JSON.stringify(name.slice(0, 60))} is not one that this interface has.`,
    );
  }
  return names as Scope[];
}
