import { credentialHash } from "../../domain/credential";
import { SluiceError } from "../../domain/errors";
import type { Scope } from "../../domain/scope";
import {
  checkAddress,
  clientOf,
  insideEnvironment,
  requestedScopes,
  WRONG_CREDENTIALS,
} from "./authenticate-call";
import type { Client, IssuedTokens, TokenServices } from "./tokens";
import { issueTokens, rotateTokens } from "./tokens";

/** How a client proves who it is, and where its call came in. */
export interface ClientProof {
  clientId: string;
  clientSecret: string;
  host: string;
  address: string;
}

/** @throws SluiceError unauthenticated, address_denied */
export async function authenticateClient(services: TokenServices, proof: ClientProof): Promise<Client> {
  const client = await clientOf(services, proof.clientId, proof.clientSecret);
  await insideEnvironment(
    services,
    client,
    proof.host,
    () => new SluiceError("unauthenticated", WRONG_CREDENTIALS),
  );
  checkAddress(client, proof.address);
  return client;
}

export interface Granted extends IssuedTokens {
  scopes: readonly Scope[];
}

/** Tokens for a client by itself (RFC 6749, 4.4). @throws SluiceError forbidden for scopes beyond the client's */
export async function grantToClient(
  services: TokenServices,
  client: Client,
  scope: string | undefined,
): Promise<Granted> {
  const asked = scope === undefined ? null : requestedScopes(scope, client.scopes);
  return { ...(await issueTokens(services, client, asked)), scopes: asked ?? client.scopes };
}

/** Tokens for a refresh token, which is spent by it (RFC 6749, 6). @throws SluiceError invalid_token, forbidden */
export async function grantForRefresh(
  services: TokenServices,
  client: Client,
  refreshToken: string,
  scope: string | undefined,
): Promise<Granted> {
  const asked = scope === undefined ? undefined : requestedScopes(scope, client.scopes);
  const issued = await rotateTokens(services, client, await credentialHash(refreshToken), asked);
  return { ...issued, scopes: issued.scopes ?? client.scopes };
}

/** Ends a token of the client's own (RFC 7009); a refresh token takes its family with it. Others' tokens are not touched. */
export async function revokeToken(services: TokenServices, client: Client, token: string): Promise<void> {
  const hash = await credentialHash(token);
  const known = hash === undefined ? undefined : await services.tokens.find(hash);
  if (known === undefined || known.clientId !== client.credentials.clientId) return;
  if (known.kind === "refresh") await services.tokens.removeFamily(known.family);
  else await services.tokens.remove(known.hash);
}

/** What a token is good for, as its own client may ask (RFC 7662). */
export interface Introspection {
  kind: "access" | "refresh";
  scopes: readonly Scope[];
  issuedAt: number;
  expiresAt: number | null;
}

/** `undefined` for whatever is no standing token of this client: it shall not learn which. */
export async function introspectToken(
  services: TokenServices,
  client: Client,
  token: string,
): Promise<Introspection | undefined> {
  const hash = await credentialHash(token);
  const known = hash === undefined ? undefined : await services.tokens.find(hash);
  if (known === undefined || known.clientId !== client.credentials.clientId) return undefined;
  if (known.environmentId !== client.environment.id || known.spentAt !== null) return undefined;
  if (known.expiresAt !== null && known.expiresAt <= services.world.now()) return undefined;
  const { kind, issuedAt, expiresAt, scopes } = known;
  return { kind, scopes: scopes ?? client.scopes, issuedAt, expiresAt };
}
