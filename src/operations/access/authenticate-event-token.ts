import { credentialHash } from "../../domain/credential";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { EVENT_RATE_LIMIT, EVENT_RATE_WINDOW_MS } from "../../domain/limits";
import type { EventTokenKind } from "./keys";
import type { AccessServices, RateState } from "./ports";

/** An event token as it is checked. */
export interface KnownEventToken {
  id: number;
  kind: EventTokenKind;
  name: string;
  environment: Environment;
  expiresAt: number | null;
  revokedAt: number | null;
}

export interface EventTokenServices extends AccessServices {
  access: AccessServices["access"] & { eventToken(hash: string): Promise<KnownEventToken | undefined> };
}

export interface EventCaller {
  token: KnownEventToken;
  rate: RateState;
}

/**
 * Whose `X-API-TOKEN` this is, and that it may call now: 2 requests a second for each token (seed: Run Workflow).
 * @throws SluiceError unauthenticated; rate_limited with `retryAfter`
 */
export async function authenticateEventToken(
  services: EventTokenServices,
  token: string | null,
): Promise<EventCaller> {
  const hash = token === null ? undefined : await credentialHash(token.trim());
  if (hash === undefined) {
    throw new SluiceError("unauthenticated", "Send an API token as `X-API-TOKEN`.");
  }
  const known = await services.access.eventToken(hash);
  const expired = known?.expiresAt != null && known.expiresAt <= services.world.now();
  if (known === undefined || known.revokedAt !== null || expired) {
    throw new SluiceError("unauthenticated", "The API token is not correct.");
  }
  const rate = await services.limiter.take(`t${known.id}`, {
    limit: EVENT_RATE_LIMIT,
    windowMs: EVENT_RATE_WINDOW_MS,
  });
  if (!rate.allowed) {
    throw new SluiceError("rate_limited", "Too many requests: a token may call twice a second.", {
      retryAfter: Math.max(1, Math.ceil(rate.resetMs / 1_000)),
    });
  }
  services.access.used("event_token", known.id);
  return { token: known, rate };
}
