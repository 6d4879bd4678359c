import { createRoute, z } from "@hono/zod-openapi";
import { Bundle } from "../../domain/bundle";
import { MAX_BUNDLE_BYTES } from "../../domain/limits";
import { readBody } from "../../http/request-body";
import { applyProject, projectTag } from "../../operations/apply-project";
import { readDropNames } from "../../operations/drop-names";
import { exportProject, projectEndpoints } from "../../operations/projects";
import { readDocument, writeYaml } from "./document";
import { projectOpenApi } from "./project-openapi";
import { entityTags, readName, readQuery } from "./request";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { ApplyQuery, ApplyReport, ExportQuery, Page, ProjectList, ProjectParams } from "./schemas";

/** Projects as their bundles. */
export const projects = newRouter();
const tags = ["Projects"];

projects.openapi(
  createRoute({
    method: "get",
    path: "/projects",
    operationId: "listProjects",
    summary: "List projects, by name",
    tags,
    security,
    request: { query: z.strictObject(Page) },
    responses: { 200: json(ProjectList, "A page of projects."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const rows = await context
      .get("management")
      .projects.list(context.get("environment").id, limit + 1, cursor);
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
projects.openAPIRegistry.registerPath(
  createRoute({
    method: "put",
    path: "/projects/{project}",
    operationId: "applyProject",
    summary: "Apply a bundle",
    description:
      "Makes the project what the bundle says: all or nothing. The same bundle again changes nothing. Flows that are no longer in it are retired. `If-Match` with the project's ETag guards against two editors, `If-None-Match: *` against replacing a project that is there already. Every problem is reported at once, each with its JSON Pointer.",
    tags,
    security,
    request: {
      params: ProjectParams,
      query: ApplyQuery,
      headers: z.object({
        "if-match": z
          .string()
          .optional()
          .openapi({ description: "The ETag of the state that this change is meant for." }),
        "if-none-match": z.literal("*").optional().openapi({ description: "`*`: only make a new project." }),
      }),
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
      412: problem("`If-Match` names another state, or `If-None-Match` was given and the project exists."),
      413: problem("The bundle is too large."),
      415: problem("Neither JSON nor YAML."),
      422: problem("The bundle is wrong; every problem is listed and nothing was changed."),
    },
  }),
);

projects.put("/projects/:project", async (context) => {
  const project = readName(context.req.param("project"));
  const { dryRun = false, publish = true, drop = "" } = readQuery(ApplyQuery, context);
  const bytes = await readBody(context.req.raw as unknown as Request, MAX_BUNDLE_BYTES, "MAX_BUNDLE_BYTES");
  const result = await applyProject(context.get("management"), {
    environment: context.get("environment"),
    project,
    document: readDocument(bytes, context.req.header("content-type") ?? null),
    dryRun,
    publish,
    drop: readDropNames(drop),
    ifMatch: entityTags(context.req.header("if-match")),
    ifNoneMatch: entityTags(context.req.header("if-none-match")),
    by: context.get("user"),
    groups: context.get("administrator").groups,
  });
  context.set("audited", { version: result.version, changed: result.changed, publish, dryRun });
  if (!dryRun) context.header("etag", projectTag(result.version));
  return context.json(result, result.version === 1 && result.changed && !dryRun ? 201 : 200);
});

projects.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}",
    operationId: "exportProject",
    summary: "Export a project as its bundle",
    description:
      "The document that, applied, makes the project as it is. JSON, or YAML with `Accept: application/yaml`.",
    tags,
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
    // Each representation has a tag of its own; `If-Match` looks at the version in it alone.
    const tag = projectTag(exported.version, draft ? "draft" : undefined, yaml ? "yaml" : undefined);
    const headers = {
      etag: tag,
      "last-modified": new Date(exported.updatedAt).toUTCString(),
      vary: "accept",
    };
    const known = entityTags(context.req.header("if-none-match")) ?? [];
    if (known.includes(tag) || known.includes("*")) return context.body(null, 304, headers);
    const body = yaml ? writeYaml(exported.bundle) : JSON.stringify(exported.bundle);
    return context.body(body, 200, {
      ...headers,
      "content-type": yaml ? "application/yaml" : "application/json",
    }) as never;
  },
);

projects.openapi(
  createRoute({
    method: "get",
    path: "/projects/{project}/openapi.json",
    operationId: "describeProject",
    summary: "OpenAPI document of a project's own endpoints",
    tags,
    security,
    request: { params: ProjectParams, query: NoQuery },
    responses: {
      200: json(z.looseObject({}), "An OpenAPI 3.1 document, inputs and outputs typed."),
      ...guarded,
      404: problem("There is no such project."),
    },
  }),
  async (context) => {
    const described = await projectEndpoints(
      context.get("management"),
      context.get("environment"),
      context.req.valid("param").project,
    );
    return context.json(
      projectOpenApi(described, context.get("instance"), new URL(context.req.url).origin),
      200,
    );
  },
);
