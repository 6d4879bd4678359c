import type { AccessServices } from "../../operations/access/ports";
import type { ApplyServices } from "../../operations/apply-project";
import type { DiagramServices } from "../../operations/flow-diagram";
import type { WebhookServices } from "../../operations/receive-webhook";
import type { SchemaServices } from "../../operations/records/data-schema";
import type { RecordServices } from "../../operations/records/start-records";

/** What the operations of this surface need: the same as REST's. */
export interface SoapServices
  extends Omit<AccessServices, "world">,
    Omit<WebhookServices, "world">,
    DiagramServices,
    Omit<ApplyServices, "world">,
    Omit<RecordServices, "world">,
    Omit<SchemaServices, "world"> {
  world: WebhookServices["world"] & RecordServices["world"];
}
