import { createHash } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { SluiceError } from "../domain/errors";
import type { VerifiedKey } from "../domain/identity";

/**
 * Keys of the action API: JWTs, HS256, signed with the secret `phixflow-api-key` (contract, section 1; RFC 7519, RFC 8725).
 * Header `{ alg, typ, kid }`, claims `{ iss, aud, sub, jti, iat, org, nbf?, exp? }`.
 */

/** Bytes that the signing secret must have: as many as the hash (RFC 8725, 3.5; seed 001, step 9). */
export const MIN_SIGNING_SECRET_BYTES = 32;
/** Characters of a token that is looked at; ours have some 350. */
const MAX_TOKEN_CHARS = 2_048;

const ISSUER = "sluice";
const AUDIENCE = "sluice:action-api";
/** Of its own, so that no other JWT that the same secret may sign is taken for a key (RFC 8725, 3.11). */
const TYPE = "api-key+jwt";
const ALGORITHM = "HS256";

const Claims = z.object({
  sub: z.string().regex(/^[1-9]\d{0,14}$/),
  jti: z.string().regex(/^[0-9a-f]{32}$/),
  iat: z.number(),
  org: z.number().int().positive(),
  nbf: z.number().optional(),
  exp: z.number().optional(),
});

/** What a new key says. */
export interface KeyClaims {
  id: string;
  organizationId: number;
  userId: number;
  issuedAt: number;
  notBefore?: number | undefined;
  expiresAt?: number | undefined;
}

interface Secret {
  kid: string;
  bytes: Uint8Array;
}

/** Signs and checks keys with the present secret; checks those that the previous one signed. */
export class KeySigner {
  readonly #current: Secret | undefined;
  readonly #previous: Secret | undefined;
  readonly #flaw: string;

  /** @param previous the secret before the last rotation, for as long as its keys shall count */
  constructor(current: string | undefined, previous?: string | undefined) {
    this.#current = usable(current);
    this.#previous = usable(previous);
    this.#flaw =
      current === undefined || current === ""
        ? "is not set"
        : `is shorter than ${MIN_SIGNING_SECRET_BYTES} bytes`;
  }

  /** Tells which secret a key was signed with. */
  signedWith(kid: string): "current" | "previous" | "unknown" {
    if (kid === this.#current?.kid) return "current";
    return kid === this.#previous?.kid ? "previous" : "unknown";
  }

  /** The id of the secret that signs new keys. @throws SluiceError not_configured */
  get kid(): string {
    return this.#ready().kid;
  }

  /** @throws SluiceError not_configured */
  issue({ id, organizationId, userId, issuedAt, notBefore, expiresAt }: KeyClaims): Promise<string> {
    const { kid, bytes } = this.#ready();
    const token = new SignJWT({ org: organizationId })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(String(userId))
      .setJti(id)
      .setIssuedAt(seconds(issuedAt));
    if (notBefore !== undefined) token.setNotBefore(seconds(notBefore));
    if (expiresAt !== undefined) token.setExpirationTime(seconds(expiresAt));
    return token.sign(bytes);
  }

  /**
   * Checks a token's form, signature and times; whether its key still counts is another's knowledge.
   * @param now milliseconds since 1970
   * @throws SluiceError not_configured, unauthenticated
   */
  async verify(token: string, now: number): Promise<VerifiedKey> {
    this.#ready();
    if (token.length > MAX_TOKEN_CHARS) throw badKey();
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#secret(kid), {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ["sub", "jti", "iat", "org"],
        currentDate: new Date(now),
      });
      const { sub, jti, org, nbf, exp } = Claims.parse(payload);
      return {
        id: jti,
        organizationId: org,
        userId: Number(sub),
        notBefore: nbf === undefined ? 0 : nbf * 1_000,
        expiresAt: exp === undefined ? Number.POSITIVE_INFINITY : exp * 1_000,
      };
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) throw expiredKey();
      throw badKey();
    }
  }

  /** Only ids of ours lead to a secret: a `kid` is compared, never looked up anywhere. */
  #secret(kid: string | undefined): Uint8Array {
    const found = [this.#current, this.#previous].find(
      (secret) => secret !== undefined && secret.kid === kid,
    );
    if (found === undefined) throw badKey();
    return found.bytes;
  }

  #ready(): Secret {
    if (this.#current !== undefined) return this.#current;
    throw new SluiceError(
      "not_configured",
      `No API key is issued or accepted: the secret phixflow-api-key (PHIXFLOW_API_KEY) ${this.#flaw}. Set it to at least ${MIN_SIGNING_SECRET_BYTES} random bytes.`,
    );
  }
}

export function badKey(): SluiceError {
  return new SluiceError(
    "unauthenticated",
    "This is not an API key that counts here. Send a key as `Authorization: Bearer <key>` or `Authorization: <key>`.",
  );
}

export function expiredKey(): SluiceError {
  return new SluiceError("unauthenticated", "The API key has expired; have a new one issued.");
}

function usable(secret: string | undefined): Secret | undefined {
  const bytes = new TextEncoder().encode(secret ?? "");
  if (bytes.length < MIN_SIGNING_SECRET_BYTES) return undefined;
  const kid = createHash("sha256").update("sluice key id\0").update(bytes).digest("hex").slice(0, 16);
  return { kid, bytes };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

/**
 * The key in an Authorization header, bare or after `Bearer` (seed 001, step 11; RFC 6750).
 * @returns `undefined` for anything that cannot be one, another scheme's credentials included
 */
export function keyInHeader(authorization: string): string | undefined {
  return /^(?:Bearer +)?([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization.trim())?.[1];
}
