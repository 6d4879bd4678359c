import { SluiceError } from "../domain/errors";
import { authenticateCall, type CallNeeds } from "./access/authenticate-call";
import { requireAllowed } from "./access/count-call";
import type { Credentials } from "./access/credentials";
import type { AccessServices } from "./access/ports";
import type { Webhook } from "./receive-webhook";

/**
 * Checks and counts a sender of a webhook that asks for an interface's credentials, in any of their three forms.
 * @throws SluiceError what `authenticateCall` throws; rate_limited; not_found for credentials of another organization
 */
export async function checkSenderCredentials(
  services: AccessServices,
  webhook: Webhook,
  credentials: Credentials,
  from: Pick<CallNeeds, "method" | "host" | "client">,
): Promise<void> {
  if (webhook.definition.credentials !== "required") return;
  const principal = await authenticateCall(services, credentials, {
    ...from,
    authority: "interface",
    scope: "webhook",
  });
  // Another organization's credentials, good as they are, open nothing here.
  if (principal.environment.id !== webhook.environmentId) {
    throw new SluiceError("not_found", "There is no webhook at this URL.");
  }
  const { rate } = principal;
  requireAllowed(await services.limiter.take(rate.key, rate));
}
