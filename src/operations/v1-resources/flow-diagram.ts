import type { Json } from "../../domain/json";
import type { FlowDiagram } from "../flow-diagram";
import { atom } from "./atom";

/** What REST and SOAP both say of a flow diagram. */
export function flowDiagramResource(diagram: FlowDiagram): Json {
  return {
    customer: diagram.customer,
    flow_id: String(diagram.flow.id),
    flow_name: diagram.flow.name,
    description: diagram.definition.description ?? "",
    current_flow: {
      project: diagram.project,
      version: diagram.version,
      status: diagram.flow.status,
      definition: diagram.definition as unknown as Json,
      mermaid: diagram.mermaid,
    },
    versions: diagram.versions.map(
      ({ version: number, state, current, createdBy, createdAt, publishedAt }) => ({
        version: number,
        state,
        current,
        created_by: createdBy,
        date_created: atom(createdAt),
        date_published: publishedAt === null ? null : atom(publishedAt),
      }),
    ),
  };
}
