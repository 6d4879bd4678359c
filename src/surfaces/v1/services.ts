import type { TokenServices } from "../../operations/access/tokens";
import type { ApplyServices } from "../../operations/apply-project";
import type { MappingServices } from "../../operations/environments/url-mappings";
import type { DiagramServices } from "../../operations/flow-diagram";
import type { KeystoreServices } from "../../operations/keystores";
import type { WebhookServices } from "../../operations/receive-webhook";
import type { SchemaServices } from "../../operations/records/data-schema";
import type { RecordServices } from "../../operations/records/start-records";
import type { TableServices } from "../../operations/tables/open-table";
import type { TriggerServices } from "../../operations/trigger-flow";

/** What the routes of this surface need. A topic adds the services of its operations here. */
export interface V1Services
  extends TokenServices,
    WebhookServices,
    DiagramServices,
    Omit<KeystoreServices, "world">,
    TableServices,
    Omit<TriggerServices, "world">,
    Omit<ApplyServices, "world">,
    Omit<MappingServices, "world">,
    Omit<RecordServices, "world">,
    Omit<SchemaServices, "world"> {
  world: TriggerServices["world"];
}
