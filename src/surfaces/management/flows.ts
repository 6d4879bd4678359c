import { createRoute, z } from "@hono/zod-openapi";
import { SluiceError } from "../../domain/errors";
import { FLOW_STATES } from "../../domain/flow-address";
import { listVersions, readVersion, requireProject, setFlowStatus } from "../../operations/projects";
import { setCurrentVersion } from "../../operations/set-current-version";
import { readJson, readQuery } from "./request";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { FlowList, FlowParams, Page, ProjectParams, VersionList } from "./schemas";

/** Flows of a project: their versions and their states. */
export const flows = newRouter();
const tags = ["Flows"];

const NewCurrent = z.strictObject({ version: z.number().int().positive() });
const NewStatus = z.strictObject({ status: z.enum(FLOW_STATES) });

flows.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows",
    operationId: "listFlows",
    summary: "List the flows of a project",
    tags,
    security,
    request: { params: ProjectParams, query: NoQuery },
    responses: {
      200: json(FlowList, "All flows, retired ones too."),
      ...guarded,
      404: problem("There is no such project."),
    },
  }),
  async (context) => {
    const services = context.get("management");
    const project = await requireProject(
      services,
      context.get("environment"),
      context.req.valid("param").project,
    );
    const rows = await services.projects.flows(context.get("environment").id, project.id);
    return context.json(
      {
        flows: rows.map(({ id, name, status, currentVersion, draftVersion, retiredAt, updatedAt }) => ({
          id,
          name,
          status,
          currentVersion,
          draftVersion,
          retired: retiredAt !== null,
          updatedAt: time(updatedAt),
        })),
      },
      200,
    );
  },
);

flows.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows/{flow}/versions",
    operationId: "listFlowVersions",
    summary: "List the versions of a flow, newest first",
    tags,
    security,
    request: { params: FlowParams, query: z.strictObject(Page) },
    responses: {
      200: json(VersionList, "A page of versions."),
      ...guarded,
      404: problem("There is no such flow."),
    },
  }),
  async (context) => {
    const { project, flow } = context.req.valid("param");
    const { limit, cursor } = context.req.valid("query");
    if (cursor !== undefined && !/^[1-9]\d{0,14}$/.test(cursor)) {
      throw new SluiceError(
        "invalid_request",
        "`cursor` is the `next` of the page before, as it was given.",
        {
          problems: [{ path: "cursor", reason: "not a cursor of this list" }],
        },
      );
    }
    const before = cursor === undefined ? undefined : Number(cursor);
    const rows = await listVersions(
      context.get("management"),
      context.get("environment"),
      project,
      flow,
      limit + 1,
      before,
    );
    const page = rows.slice(0, limit);
    return context.json(
      {
        versions: page.map(({ createdAt, publishedAt, ...version }) => ({
          ...version,
          createdAt: time(createdAt),
          publishedAt: publishedAt === null ? null : time(publishedAt),
        })),
        next: rows.length > limit ? String(page.at(-1)?.version) : null,
      },
      200,
    );
  },
);

flows.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows/{flow}/versions/{version}",
    operationId: "readFlowVersion",
    summary: "Read one version of a flow",
    tags,
    security,
    request: {
      params: FlowParams.extend({
        version: z.coerce
          .number()
          .int()
          .positive()
          .openapi({ param: { name: "version", in: "path" } }),
      }),
      query: NoQuery,
    },
    responses: {
      200: json(z.looseObject({}), "The flow, as it was written."),
      ...guarded,
      404: problem("There is no such version."),
    },
  }),
  async (context) => {
    const { project, flow, version } = context.req.valid("param");
    return context.json(
      (await readVersion(
        context.get("management"),
        context.get("environment"),
        project,
        flow,
        version,
      )) as Record<string, unknown>,
      200,
    );
  },
);

// The two below are registered by hand: their bodies are read with a bound, exactly, and complained of with pointers.
flows.openAPIRegistry.registerPath(
  createRoute({
    method: "put",
    path: "/projects/{project}/flows/{flow}/current",
    operationId: "setCurrentVersion",
    summary: "Make a version current",
    description:
      "An earlier version, or the draft, becomes what calls run. It must fit the project as it is now. Where flows that it calls have other outputs than they had then, it is published again as a new version, whose number the answer says.",
    tags,
    security,
    request: {
      params: FlowParams,
      body: {
        required: true,
        content: { "application/json": { schema: NewCurrent } },
      },
    },
    responses: {
      200: json(z.object({ flow: z.string(), currentVersion: z.number().int() }), "It is current."),
      ...guarded,
      404: problem("There is no such version."),
      409: problem("The flow is retired, or its alias is taken."),
      422: problem("It no longer fits the project."),
    },
  }),
);

flows.put("/projects/:project/flows/:flow/current", async (context) => {
  readQuery(NoQuery, context);
  const { project, flow } = context.req.param();
  const { version } = await readJson(NewCurrent, context);
  const currentVersion = await setCurrentVersion(context.get("management"), {
    environment: context.get("environment"),
    project,
    flow,
    version,
    by: context.get("user"),
    groups: context.get("administrator").groups,
  });
  return context.json({ flow, currentVersion }, 200);
});

flows.openAPIRegistry.registerPath(
  createRoute({
    method: "put",
    path: "/projects/{project}/flows/{flow}/status",
    operationId: "setFlowStatus",
    summary: "Pause, stop or resume a flow",
    description: "`paused` and `inactive` flows answer calls with 409.",
    tags,
    security,
    request: {
      params: FlowParams,
      body: {
        required: true,
        content: { "application/json": { schema: NewStatus } },
      },
    },
    responses: {
      200: json(z.object({ flow: z.string(), status: z.enum(FLOW_STATES) }), "It is so."),
      ...guarded,
      404: problem("There is no such flow."),
    },
  }),
);

flows.put("/projects/:project/flows/:flow/status", async (context) => {
  readQuery(NoQuery, context);
  const { project, flow } = context.req.param();
  const { status } = await readJson(NewStatus, context);
  const { groups } = context.get("administrator");
  await setFlowStatus(context.get("management"), context.get("environment"), project, flow, status, groups);
  return context.json({ flow, status }, 200);
});
