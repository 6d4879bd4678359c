import { SluiceError } from "../../../domain/errors";
import { drawFlow, readFlowDiagram, wantedPicture } from "../../../operations/flow-diagram";
import { requireFlow } from "../../../operations/records/identifiers";
import { flowDiagramResource } from "../../../operations/v1-resources/flow-diagram";
import { FLOW } from "../parameters";
import { defineV1Route, ok, plain } from "../route";

/** Get Flow Diagram (seed). The `id` of its answer is the HTTP code, as the seed has it here and nowhere else. */
export const getFlowDiagram = defineV1Route({
  method: "GET",
  path: "/v1/flowdiagram",
  summary: "Get information related to a flow diagram",
  tag: "Flows",
  authority: "interface",
  scope: "flowdiagram.read",
  parameters: {
    flow: { ...FLOW, required: true },
    format: {
      headers: ["x-format"],
      url: ["format"],
      description:
        "json, xml, svg or mermaid; `Accept` says the same. svg and mermaid are the picture alone.",
    },
    version: {
      headers: ["x-version"],
      url: ["version"],
      description: "Number of a version; the current one when it is absent.",
    },
  },
  body: "none",
  async handle({ services, principal, parameters, headers, url }) {
    const { environment } = principal;
    const { projectId, project, flow } = await requireFlow(services.catalog, environment.id, parameters.flow);
    const version = versionNumber(parameters.version);
    // Which answer is wanted is no part of what is asked for, so the URL says it beside credentials in headers, too.
    const format = parameters.format ?? new URL(url).searchParams.get("format") ?? undefined;
    const address = { projectId, project, flow, version };
    const picture = wantedPicture(format, headers.get("accept"));
    if (picture !== undefined) {
      const { text, contentType, updatedAt } = await drawFlow(services, environment, address, picture);
      return plain(text, {
        contentType,
        lastModified: updatedAt,
        headers: { "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox" },
      });
    }
    const diagram = await readFlowDiagram(services, environment, address);
    return ok(flowDiagramResource(diagram), "Flow diagram is retrieving successfully", {
      id: 200,
      lastModified: diagram.flow.updatedAt,
    });
  },
});

function versionNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new SluiceError("invalid_request", "`version` is the number of a version.", {
    problems: [{ path: "version", reason: "expected a whole number from 1" }],
  });
}
