import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { authenticateAdmin } from "../../auth/admin-token";
import { Bundle } from "../../domain/bundle";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { FLOW_STATES } from "../../domain/flow-address";
import { MAX_BUNDLE_BYTES } from "../../domain/limits";
import { ProjectName } from "../../domain/names";
import { ProblemDetails, problemResponse } from "../../http/problem";
import { readBody } from "../../http/request-body";
import { type ApplyServices, applyProject, projectTag } from "../../operations/apply-project";
import type { RunLog, RunSummary } from "../../operations/ports";
import {
  exportProject,
  listVersions,
  projectEndpoints,
  readVersion,
  requireProject,
  setCurrentVersion,
  setFlowStatus,
} from "../../operations/projects";
import { listRuns, readRun } from "../../operations/runs";
import { readDocument, writeYaml } from "./document";
import { projectOpenApi } from "./project-openapi";
import {
  ApplyQuery,
  ApplyReport,
  ExportQuery,
  FlowList,
  FlowParams,
  Page,
  ProjectList,
  ProjectParams,
  RunDetails,
  RunList,
  RunQuery,
  VersionList,
} from "./schemas";

export interface ManagementVariables {
  Variables: {
    management: ApplyServices & { runs: RunLog };
    adminToken: string | undefined;
    instance: string;
    /** Who is calling, once authenticated. */
    user: string;
    environment: Environment;
  };
}

type ManagementContext = Context<ManagementVariables>;

/** The management API, `/admin/v1` (contract, section 5). */
export const management = new OpenAPIHono<ManagementVariables>({
  defaultHook: (result) => {
    if (!result.success) throw badParameters(result.error);
  },
});

management.onError((error, context) => problemResponse(error, context));

management.use("*", async (context, next) => {
  context.set(
    "user",
    await authenticateAdmin(context.req.header("authorization") ?? null, context.get("adminToken")),
  );
  context.set(
    "environment",
    await context.get("management").catalog.environment(new URL(context.req.url).hostname),
  );
  await next();
  context.res.headers.set("cache-control", "no-store");
});

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: ProblemDetails } },
});
const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});
const security = [{ adminToken: [] }];
const guarded = {
  400: problem("A parameter is wrong."),
  401: problem("The administrator's token is missing or wrong."),
};
const tags = { projects: ["Projects"], flows: ["Flows"], runs: ["Runs"] };
const time = (ms: number): string => new Date(ms).toISOString();

management.openapi(
  createRoute({
    method: "get",
    path: "/projects",
    operationId: "listProjects",
    summary: "List projects, by name",
    tags: tags.projects,
    security,
    request: { query: z.strictObject(Page) },
    responses: { 200: json(ProjectList, "A page of projects."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const { projects } = context.get("management");
    const rows = await projects.list(context.get("environment").id, limit + 1, cursor);
    const page = rows.slice(0, limit);
    return context.json(
      {
        projects: page.map(({ updatedAt, ...project }) => ({ ...project, updatedAt: time(updatedAt) })),
        next: rows.length > limit ? (page.at(-1)?.name ?? null) : null,
      },
      200,
    );
  },
);

// Registered by hand: the body may be YAML, and every problem in it is wanted at once, not the first that a validator meets.
management.openAPIRegistry.registerPath(
  createRoute({
    method: "put",
    path: "/projects/{project}",
    operationId: "applyProject",
    summary: "Apply a bundle",
    description:
      "Makes the project what the bundle says: all or nothing. The same bundle again changes nothing. Flows that are no longer in it are retired. `If-Match` with the project's ETag guards against two editors. Every problem is reported at once, each with its JSON Pointer.",
    tags: tags.projects,
    security,
    request: {
      params: ProjectParams,
      query: ApplyQuery,
      headers: z.object({ "if-match": z.string().optional() }),
      body: {
        required: true,
        content: { "application/json": { schema: Bundle }, "application/yaml": { schema: z.string() } },
      },
    },
    responses: {
      200: json(ApplyReport, "What changed, or with `dryRun` would change."),
      201: json(ApplyReport, "The project is new."),
      ...guarded,
      409: problem("Someone else changed the project at the same moment."),
      412: problem("`If-Match` names another state."),
      413: problem("The bundle is too large."),
      415: problem("Neither JSON nor YAML."),
      422: problem("The bundle is wrong; every problem is listed and nothing was changed."),
    },
  }),
);

management.put("/projects/:project", async (context) => {
  const project = readName(context.req.param("project"));
  const { dryRun = false, publish = true } = readQuery(ApplyQuery, context);
  const bytes = await readBody(context.req.raw as unknown as Request, MAX_BUNDLE_BYTES, "MAX_BUNDLE_BYTES");
  const result = await applyProject(context.get("management"), {
    environment: context.get("environment"),
    project,
    document: readDocument(bytes, context.req.header("content-type") ?? null),
    dryRun,
    publish,
    ifMatch: entityTags(context.req.header("if-match")),
    by: context.get("user"),
  });
  if (!dryRun) context.header("etag", projectTag(result.version));
  return context.json(result, result.version === 1 && result.changed && !dryRun ? 201 : 200);
});

management.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}",
    operationId: "exportProject",
    summary: "Export a project as its bundle",
    description:
      "The document that, applied, makes the project as it is. JSON, or YAML with `Accept: application/yaml`.",
    tags: tags.projects,
    security,
    request: { params: ProjectParams, query: ExportQuery },
    responses: {
      200: {
        description: "The bundle.",
        content: { "application/json": { schema: Bundle }, "application/yaml": { schema: z.string() } },
      },
      304: { description: "Not changed since the state that `If-None-Match` names." },
      ...guarded,
      404: problem("There is no such project."),
    },
  }),
  async (context) => {
    const { draft = false, format } = context.req.valid("query");
    const exported = await exportProject(
      context.get("management"),
      context.get("environment"),
      context.req.valid("param").project,
      draft,
    );
    const yaml =
      format === "yaml" || (format === undefined && /\byaml\b/.test(context.req.header("accept") ?? ""));
    const headers = {
      etag: exported.tag,
      "last-modified": new Date(exported.updatedAt).toUTCString(),
      vary: "accept",
    };
    if (
      entityTags(context.req.header("if-none-match"))?.some((tag) => tag === exported.tag || tag === "*") ===
      true
    ) {
      return context.body(null, 304, headers);
    }
    const body = yaml ? writeYaml(exported.bundle) : JSON.stringify(exported.bundle);
    return context.body(body, 200, {
      ...headers,
      "content-type": yaml ? "application/yaml" : "application/json",
    }) as never;
  },
);

management.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows",
    operationId: "listFlows",
    summary: "List the flows of a project",
    tags: tags.flows,
    security,
    request: { params: ProjectParams },
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
    const flows = await services.projects.flows(context.get("environment").id, project.id);
    return context.json(
      {
        flows: flows.map(({ id, name, status, currentVersion, draftVersion, retiredAt, updatedAt }) => ({
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

management.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows/{flow}/versions",
    operationId: "listFlowVersions",
    summary: "List the versions of a flow, newest first",
    tags: tags.flows,
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
    const before = cursor === undefined ? undefined : Number(cursor);
    if (before !== undefined && !Number.isSafeInteger(before))
      throw new SluiceError("invalid_request", "`cursor` is the `next` of the page before, as it was given.");
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

management.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/flows/{flow}/versions/{version}",
    operationId: "readFlowVersion",
    summary: "Read one version of a flow",
    tags: tags.flows,
    security,
    request: {
      params: FlowParams.extend({
        version: z.coerce
          .number()
          .int()
          .positive()
          .openapi({ param: { name: "version", in: "path" } }),
      }),
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

management.openapi(
  createRoute({
    method: "put",
    path: "/projects/{project}/flows/{flow}/current",
    operationId: "setCurrentVersion",
    summary: "Make a version current",
    description:
      "An earlier version, or the draft, becomes what calls run. It must fit the project as it is now.",
    tags: tags.flows,
    security,
    request: {
      params: FlowParams,
      body: {
        required: true,
        content: { "application/json": { schema: z.strictObject({ version: z.number().int().positive() }) } },
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
  async (context) => {
    const { project, flow } = context.req.valid("param");
    const { version } = context.req.valid("json");
    await setCurrentVersion(context.get("management"), context.get("environment"), project, flow, version);
    return context.json({ flow, currentVersion: version }, 200);
  },
);

management.openapi(
  createRoute({
    method: "put",
    path: "/projects/{project}/flows/{flow}/status",
    operationId: "setFlowStatus",
    summary: "Pause, stop or resume a flow",
    description: "`paused` and `inactive` flows answer calls with 409.",
    tags: tags.flows,
    security,
    request: {
      params: FlowParams,
      body: {
        required: true,
        content: { "application/json": { schema: z.strictObject({ status: z.enum(FLOW_STATES) }) } },
      },
    },
    responses: {
      200: json(z.object({ flow: z.string(), status: z.enum(FLOW_STATES) }), "It is so."),
      ...guarded,
      404: problem("There is no such flow."),
    },
  }),
  async (context) => {
    const { project, flow } = context.req.valid("param");
    const { status } = context.req.valid("json");
    await setFlowStatus(context.get("management"), context.get("environment"), project, flow, status);
    return context.json({ flow, status }, 200);
  },
);

management.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/openapi.json",
    operationId: "describeProject",
    summary: "OpenAPI document of a project's own endpoints",
    tags: tags.projects,
    security,
    request: { params: ProjectParams },
    responses: {
      200: json(z.looseObject({}), "An OpenAPI 3.1 document, inputs and outputs typed."),
      ...guarded,
      404: problem("There is no such project."),
    },
  }),
  async (context) => {
    const { project, plans } = await projectEndpoints(
      context.get("management"),
      context.get("environment"),
      context.req.valid("param").project,
    );
    return context.json(
      projectOpenApi(project, plans, context.get("instance"), new URL(context.req.url).origin),
      200,
    );
  },
);

const runOnWire = <R extends Omit<RunSummary, "messageCount">>({
  environmentId: _,
  startedAt,
  endedAt,
  ...run
}: R) => ({
  ...run,
  startedAt: time(startedAt),
  endedAt: endedAt === null ? null : time(endedAt),
});

management.openapi(
  createRoute({
    method: "get",
    path: "/runs",
    operationId: "listRuns",
    summary: "List runs, newest first",
    description: "The history of a synchronous run is written after its answer, within a few seconds.",
    tags: tags.runs,
    security,
    request: { query: RunQuery },
    responses: { 200: json(RunList, "A page of runs."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor, from, to, ...filter } = context.req.valid("query");
    const { runs, next } = await listRuns(
      context.get("management").runs,
      context.get("environment"),
      {
        ...filter,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
      },
      limit,
      cursor,
    );
    return context.json({ runs: runs.map(runOnWire), next }, 200);
  },
);

management.openapi(
  createRoute({
    method: "get",
    path: "/runs/{id}",
    operationId: "readRun",
    summary: "Read a run with its messages",
    tags: tags.runs,
    security,
    request: {
      params: z.object({
        id: z
          .string()
          .min(1)
          .max(200)
          .openapi({ param: { name: "id", in: "path" } }),
      }),
    },
    responses: { 200: json(RunDetails, "The run."), ...guarded, 404: problem("There is no such run.") },
  }),
  async (context) => {
    const run = await readRun(
      context.get("management").runs,
      context.get("environment"),
      context.req.valid("param").id,
    );
    return context.json(
      { ...runOnWire(run), messages: run.messages.map((message) => ({ ...message, at: time(message.at) })) },
      200,
    );
  },
);

management.all("*", (context) => {
  throw new SluiceError(
    "not_found",
    `There is nothing at ${new URL(context.req.url).pathname} for ${context.req.method}; /openapi.json lists what there is.`,
  );
});

function badParameters(error: z.ZodError): SluiceError {
  const problems = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: key, reason: "there is no such parameter" }))
      : [{ path: issue.path.join("."), reason: issue.message }],
  );
  const [first] = problems;
  return new SluiceError(
    "invalid_request",
    `${first?.path === "" ? "The request" : first?.path}: ${first?.reason}.`,
    { problems },
  );
}

function readQuery<T extends z.ZodType>(schema: T, context: ManagementContext): z.output<T> {
  const parsed = schema.safeParse(context.req.query());
  if (!parsed.success) throw badParameters(parsed.error);
  return parsed.data;
}

/** A project's name from the URL, as a new project's would have to be. */
function readName(name: string): string {
  const parsed = ProjectName.safeParse(name);
  if (parsed.success) return parsed.data;
  const reason = parsed.error.issues[0]?.message ?? "is wrong";
  throw new SluiceError("invalid_request", `The project's name in the URL: ${reason}.`, {
    problems: [{ path: "project", reason }],
  });
}

/** Entity tags of an `If-Match` or `If-None-Match` header, weak ones as strong ones. */
function entityTags(header: string | undefined): string[] | undefined {
  return header?.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
}

export type { ManagementContext };
