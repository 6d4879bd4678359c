import { credentialHash, newCredential } from "../../domain/credential";
import { SluiceError } from "../../domain/errors";
import { ACCESS_TOKEN_SECONDS } from "../../domain/limits";
import { includesScope, type Scope } from "../../domain/scope";
import type { AccessServices, KnownInterface, KnownToken } from "./ports";

/** Where tokens are kept, as hashes. */
export interface TokenStore {
  add(tokens: readonly KnownToken[], now: number): Promise<void>;
  find(hash: string): Promise<KnownToken | undefined>;
  /** Exchanges a refresh token for others, once: `false` when it was exchanged before, and nothing was added. */
  exchange(hash: string, tokens: readonly KnownToken[], now: number): Promise<boolean>;
  remove(hash: string): Promise<void>;
  removeFamily(family: string): Promise<void>;
  removeClient(clientId: string): Promise<void>;
}

export interface TokenServices extends AccessServices {
  tokens: TokenStore;
}

/** An interface that has proved to be who it says. */
export type Client = KnownInterface & { credentials: NonNullable<KnownInterface["credentials"]> };

export interface IssuedTokens {
  accessToken: string;
  refreshToken: string;
  /** Milliseconds since 1970, of the access token. */
  expiresAt: number;
}

/** New tokens of a family, in clear for the caller and hashed for the store. */
async function make(
  services: TokenServices,
  client: Client,
  scopes: readonly Scope[] | null,
  family: string,
  kinds: readonly KnownToken["kind"][],
): Promise<{ clear: string[]; rows: KnownToken[]; expiresAt: number }> {
  const now = services.world.now();
  const expiresAt = now + ACCESS_TOKEN_SECONDS * 1_000;
  const clear = kinds.map(() => newCredential());
  const rows = await Promise.all(
    kinds.map(async (kind, index) => ({
      hash: (await credentialHash(clear[index] as string)) as string,
      kind,
      family,
      clientId: client.credentials.clientId,
      environmentId: client.environment.id,
      scopes,
      issuedAt: now,
      expiresAt: kind === "access" ? expiresAt : null,
      spentAt: null,
    })),
  );
  return { clear, rows, expiresAt };
}

/**
 * Tokens for a client's credentials.
 * @param scopes `null` for all that the interface has, now and later
 */
export async function issueTokens(
  services: TokenServices,
  client: Client,
  scopes: readonly Scope[] | null,
): Promise<IssuedTokens> {
  const { clear, rows, expiresAt } = await make(services, client, scopes, newCredential(), [
    "access",
    "refresh",
  ]);
  await services.tokens.add(rows, services.world.now());
  return { accessToken: clear[0] as string, refreshToken: clear[1] as string, expiresAt };
}

function notValid(): SluiceError {
  return new SluiceError("invalid_token", "Refresh token not valid");
}

/** A refresh token of this client that stands. One that was exchanged before takes its whole family with it. */
async function standing(
  services: TokenServices,
  client: Client,
  hash: string | undefined,
): Promise<KnownToken> {
  const token = hash === undefined ? undefined : await services.tokens.find(hash);
  if (
    token === undefined ||
    token.kind !== "refresh" ||
    token.clientId !== client.credentials.clientId ||
    token.environmentId !== client.environment.id
  ) {
    throw notValid();
  }
  if (token.spentAt !== null) {
    await services.tokens.removeFamily(token.family);
    throw notValid();
  }
  return token;
}

/**
 * A new access token for a refresh token that stays good (seed: `/v1/refreshtoken` answers with no other one).
 * @throws SluiceError invalid_token
 */
export async function renewAccess(
  services: TokenServices,
  client: Client,
  refreshHash: string | undefined,
): Promise<{ accessToken: string; expiresAt: number }> {
  const token = await standing(services, client, refreshHash);
  const { clear, rows, expiresAt } = await make(services, client, token.scopes, token.family, ["access"]);
  await services.tokens.add(rows, services.world.now());
  return { accessToken: clear[0] as string, expiresAt };
}

/**
 * New tokens for a refresh token, which is good once: seen again, it or its successor is in wrong hands, and the family
 * ends (RFC 9700, 4.14.2).
 * @param narrowed scopes that were asked for; `undefined` for those of the token
 * @throws SluiceError invalid_token; forbidden when more is asked for than the token holds
 */
export async function rotateTokens(
  services: TokenServices,
  client: Client,
  refreshHash: string | undefined,
  narrowed: readonly Scope[] | undefined,
): Promise<IssuedTokens & { scopes: readonly Scope[] | null }> {
  const token = await standing(services, client, refreshHash);
  const holds = token.scopes ?? client.scopes;
  if (narrowed?.some((scope) => !includesScope(holds, scope))) {
    throw new SluiceError("forbidden", "The refresh token does not hold these scopes.");
  }
  const scopes = narrowed ?? token.scopes;
  const { clear, rows, expiresAt } = await make(services, client, scopes, token.family, [
    "access",
    "refresh",
  ]);
  // What the successor may do is what the family may: only the access token is narrowed (RFC 6749, 6).
  const successor = rows.map((row) => (row.kind === "refresh" ? { ...row, scopes: token.scopes } : row));
  if (!(await services.tokens.exchange(token.hash, successor, services.world.now()))) {
    await services.tokens.removeFamily(token.family);
    throw notValid();
  }
  return { accessToken: clear[0] as string, refreshToken: clear[1] as string, expiresAt, scopes };
}
