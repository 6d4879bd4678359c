import type { TokenServices } from "../../operations/access/tokens";
import type { KeystoreServices } from "../../operations/keystores";
import type { WebhookServices } from "../../operations/receive-webhook";
import type { TableServices } from "../../operations/tables/open-table";
import type { TriggerServices } from "../../operations/trigger-flow";

/** What the routes of this surface need. A topic adds the services of its operations here. */
export interface V1Services
  extends TokenServices,
    WebhookServices,
    Omit<KeystoreServices, "world">,
    TableServices,
    Omit<TriggerServices, "world"> {
  world: TriggerServices["world"];
}
