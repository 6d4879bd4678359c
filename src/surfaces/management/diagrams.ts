import { createRoute, z } from "@hono/zod-openapi";
import { sha256Hex } from "../../domain/digest";
import { CONTENT_TYPES, drawFlow, PICTURE_FORMATS, wantedPicture } from "../../operations/flow-diagram";
import { requireFlow } from "../../operations/projects";
import { entityTags } from "./request";
import { guarded, newRouter, problem, security } from "./router";
import { FlowParams } from "./schemas";

/** Pictures of flows. */
export const diagrams = newRouter();

const DiagramQuery = z.strictObject({
  format: z
    .enum(PICTURE_FORMATS)
    .optional()
    .openapi({ description: "Overrides `Accept`; `svg` by default." }),
  version: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .openapi({ description: "The current version, or the draft of a flow that has none, by default." }),
});

diagrams.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows/{flow}/diagram",
    operationId: "drawFlow",
    summary: "Draw a flow",
    tags: ["Flows"],
    security,
    request: { params: FlowParams, query: DiagramQuery },
    responses: {
      200: {
        description: "The picture.",
        content: {
          "image/svg+xml": { schema: { type: "string" } },
          "text/vnd.mermaid": { schema: { type: "string" } },
        },
      },
      304: { description: "The picture is the one that `If-None-Match` names." },
      ...guarded,
      404: problem("There is no such flow, or it has no such version."),
    },
  }),
  async (context) => {
    const names = context.req.valid("param");
    const { format, version } = context.req.valid("query");
    const services = context.get("management");
    const environment = context.get("environment");
    const { project } = await requireFlow(services, environment, names.project, names.flow);
    const picture = format ?? wantedPicture(undefined, context.req.header("accept") ?? null) ?? "svg";
    const { text } = await drawFlow(
      services,
      environment,
      { projectId: project.id, project: project.name, flow: names.flow, version },
      picture,
    );
    const tag = `"${(await sha256Hex(text)).slice(0, 32)}"`;
    const headers = {
      etag: tag,
      "content-type": CONTENT_TYPES[picture],
      // Opened by itself it is a document of this host, which may do nothing but be looked at.
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      "x-content-type-options": "nosniff",
      vary: "Accept",
    };
    if (entityTags(context.req.header("if-none-match"))?.includes(tag) === true) {
      return context.body(null, 304, headers);
    }
    return context.body(text, 200, headers);
  },
);
