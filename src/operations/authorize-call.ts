import { badKey, keyInHeader } from "../auth/api-key";
import { SluiceError } from "../domain/errors";
import { type KeyStanding, USE_API_KEY, type VerifiedKey } from "../domain/identity";
import { after, type MaybePromise } from "../engine/maybe-promise";
import type { Endpoint } from "./endpoint";
import type { Keys } from "./identity-ports";
import type { IncomingCall } from "./incoming-call";

/** User of runs that anonymous connections start (seed: "the audit trail records the system"). */
const ANONYMOUS_USER = "system";

/**
 * Who calls an endpoint, if he may (contract, section 1, *Who*): nobody in particular where connections are anonymous,
 * whatever credentials were sent; else the user of the API key in `Authorization`, as he stands now.
 * @returns the run's user
 * @throws SluiceError unauthenticated, forbidden, not_configured
 */
export function authorizeCall(
  { keys }: { keys: Keys },
  { plan, environment }: Pick<Endpoint, "plan" | "environment">,
  { headers }: Pick<IncomingCall, "headers">,
): MaybePromise<string> {
  if (plan.endpoint?.anonymous === true) return ANONYMOUS_USER;
  const authorization = headers.get("authorization");
  if (authorization === null) {
    throw new SluiceError(
      "unauthenticated",
      "This endpoint takes no anonymous connections. Send an API key as `Authorization: Bearer <key>` or `Authorization: <key>`.",
    );
  }
  const token = keyInHeader(authorization);
  if (token === undefined) throw badKey();
  return after(keys.holder(token), ({ key, standing }) => {
    requireKeyUse(key, standing, environment.organizationId);
    const groups = plan.definition.permissions?.run;
    if (groups !== undefined && !groups.some((group) => standing.groups.includes(group))) {
      throw new SluiceError(
        "forbidden",
        "The user of this key is in none of the groups that may run this flow.",
      );
    }
    return standing.user;
  });
}

/**
 * Whether a key that counts may be used at all: by an enabled user of this organization with the privilege to do so. The key
 * of another organization is answered as one that does not exist.
 * @throws SluiceError unauthenticated, forbidden
 */
export function requireKeyUse(key: VerifiedKey, standing: KeyStanding, organizationId: number): void {
  if (key.organizationId !== organizationId) throw badKey();
  if (!standing.enabled) throw new SluiceError("forbidden", "The user of this key is disabled.");
  if (!standing.privileges.includes(USE_API_KEY)) {
    throw new SluiceError(
      "forbidden",
      `The user of this key lacks the privilege "${USE_API_KEY}": none of the user's groups has a role with it.`,
    );
  }
}
