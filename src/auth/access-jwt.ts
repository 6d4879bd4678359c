import { createRemoteJWKSet, customFetch, errors, jwtVerify } from "jose";
import { z } from "zod";
import { SluiceError } from "../domain/errors";

/**
 * Cloudflare Access: JWTs that it puts on requests of people it let in. Keys come from the team's domain, and are cached.
 */

/** Access signs with RSA; nothing else is taken, whatever a token says (RFC 8725, 3.1). */
const ALGORITHMS = ["RS256"];
/** Milliseconds that fetching the keys may take. */
const FETCH_TIMEOUT_MS = 5_000;
/** Milliseconds for which fetched keys are used: Access changes them every six weeks and announces new ones before. */
const KEYS_MAX_AGE_MS = 600_000;
/** Seconds by which clocks may differ. */
const CLOCK_TOLERANCE_S = 10;
const MAX_TOKEN_CHARS = 16_000;

const Identity = z.object({
  sub: z.string().optional(),
  email: z.string().optional(),
  /** Of a service token: its client id. */
  common_name: z.string().optional(),
});

export interface AccessOptions {
  /** `acme.cloudflareaccess.com`, or its URL. */
  teamDomain: string;
  /** The application's audience tag. */
  audience: string;
  fetch: (url: string, init: { signal: AbortSignal }) => Promise<Response>;
  now: () => number;
}

export class AccessVerifier {
  readonly #issuer: string;
  readonly #options: AccessOptions;
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#issuer = new URL(
      options.teamDomain.includes("://") ? options.teamDomain : `https://${options.teamDomain}`,
    ).origin;
    this.#keys = createRemoteJWKSet(new URL("/cdn-cgi/access/certs", this.#issuer), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cacheMaxAge: KEYS_MAX_AGE_MS,
      [customFetch]: (url, { signal }) => options.fetch(url, { signal }),
    });
  }

  /**
   * @returns who was let in: the e-mail address, or a service token's client id
   * @throws SluiceError unauthenticated; unavailable when the keys cannot be had, so that nothing was decided
   */
  async verify(token: string): Promise<string> {
    if (token.length > MAX_TOKEN_CHARS) throw refused();
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        algorithms: ALGORITHMS,
        issuer: this.#issuer,
        audience: this.#options.audience,
        requiredClaims: ["exp", "iat"],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(this.#options.now()),
      });
      const { email, common_name, sub } = Identity.parse(payload);
      const user = [email, common_name, sub].find((name) => name !== undefined && name !== "");
      if (user === undefined || user.length > 200) throw refused();
      return user;
    } catch (cause) {
      if (isAboutToken(cause)) throw refused();
      throw new SluiceError(
        "unavailable",
        "The keys of Cloudflare Access cannot be fetched now; call again, or use the administrator's token.",
        { retryAfter: 5 },
        { cause },
      );
    }
  }
}

/** Whether an error says something of the token, and not of the way to the keys. */
function isAboutToken(cause: unknown): boolean {
  if (cause instanceof SluiceError || cause instanceof z.ZodError) return true;
  if (cause instanceof errors.JWKSTimeout || cause instanceof errors.JWKSInvalid) return false;
  return cause instanceof errors.JOSEError && cause.code !== "ERR_JOSE_GENERIC";
}

function refused(): SluiceError {
  return new SluiceError("unauthenticated", "This is not a token of Cloudflare Access for this deployment.");
}
