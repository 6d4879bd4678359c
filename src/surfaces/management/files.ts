import { createRoute, z } from "@hono/zod-openapi";
import mime from "mime";
import { SluiceError } from "../../domain/errors";
import { MAX_FILE_BYTES } from "../../domain/limits";
import type { SiteFile } from "../../domain/site";
import { readBody } from "../../http/request-body";
import { type FilePlace, listFiles, putFile, readFile, removeFile } from "../../operations/sites/files";
import { type ManagementContext, readQuery } from "./request";
import { guarded, json, newRouter, problem, security, time } from "./router";
import { Page } from "./schemas";

/** Files of websites, hosted pages and file managers. */
export const files = newRouter();
const tags = ["Files"];

const Content = {
  contentType: z.string(),
  size: z.number().int().describe("Bytes."),
  hash: z.string().describe("SHA-256 of the bytes."),
  updatedAt: z.iso.datetime(),
};
const File = z.object({ path: z.string(), ...Content }).openapi("SiteFile");
const HostedPage = z
  .object({
    page: z.string(),
    urls: z.array(z.string()).describe("URLs that are mapped to it. Nobody sees it before there is one."),
    ...Content,
  })
  .openapi("HostedPage");
const FileList = z.object({ files: z.array(File), next: z.string().nullable() }).openapi("SiteFileList");
const PageQuery = z.strictObject(Page);

const onWire = ({ updatedAt, ...file }: SiteFile) => ({ ...file, updatedAt: time(updatedAt) });

/** The one file of a page has no path: it is found where URLs lead to it. */
const pageOnWire = (page: string, urls: readonly string[], file: SiteFile) => {
  const { path: _, ...content } = onWire(file);
  return { page, urls, ...content };
};

/** Types under which clients send bytes without having said what they are. */
const UNSAID = new Set(["", "application/octet-stream", "application/x-www-form-urlencoded"]);

/** A place of files: its path in the API, and how a request names one of its files. */
interface Place {
  path: string;
  /** The segments that a request fills in. */
  of(context: ManagementContext): FilePlace;
  name: string;
  what: string;
  answer: z.ZodType;
}

/** The rest of the path behind a prefix, decoded. */
function rest(context: ManagementContext, prefix: number): string {
  const { pathname } = new URL(context.req.url);
  const segments = pathname.split("/").slice(prefix);
  try {
    return segments.map(decodeURIComponent).join("/");
  } catch (cause) {
    throw new SluiceError("invalid_request", "The URL's path has broken percent-encoding.", {}, { cause });
  }
}

const PLACES: readonly Place[] = [
  {
    path: "/projects/{project}/websites/{website}/files/{path}",
    // /admin/v1/projects/x/websites/y/files/…
    of: (context) => ({
      kind: "website",
      website: context.req.param("website") ?? "",
      path: rest(context, 8),
    }),
    name: "WebsiteFile",
    what: "a file of a website",
    answer: File,
  },
  {
    path: "/projects/{project}/files/{path}",
    of: (context) => ({ kind: "file", path: rest(context, 6) }),
    name: "ProjectFile",
    what: "a file of the project's file manager",
    answer: File,
  },
  {
    path: "/projects/{project}/pages/{page}",
    of: (context) => ({ kind: "page", page: context.req.param("page") ?? "" }),
    name: "HostedPage",
    what: "a hosted page",
    answer: HostedPage,
  },
];

for (const { path, of, name, what, answer } of PLACES) {
  const params = z.object(
    Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, each = ""]) => [each, z.string()])),
  );
  const describe = (method: "get" | "put" | "delete", summary: string, responses: object) =>
    files.openAPIRegistry.registerPath(
      createRoute({
        method,
        path,
        operationId: `${{ get: "read", put: "put", delete: "delete" }[method]}${name}`,
        summary,
        tags,
        security,
        request: {
          params,
          ...(method === "put"
            ? {
                body: {
                  required: true,
                  content: { "*/*": { schema: z.string().openapi({ format: "binary" }) } },
                },
              }
            : {}),
        },
        responses: { ...guarded, 404: problem("There is no such project, website or file."), ...responses },
      }),
    );
  describe("put", `Upload ${what}`, {
    200: json(answer, "It was replaced."),
    201: json(answer, "It is new."),
    409: problem("The project has as many files as it may have."),
    413: problem("The file is too large."),
  });
  describe("get", `Read ${what}`, {
    200: {
      description: "The bytes.",
      content: { "*/*": { schema: z.string().openapi({ format: "binary" }) } },
    },
  });
  describe("delete", `Delete ${what}`, { 204: { description: "It is gone." } });

  const route = path.replace(/\{path\}$/, ":path{.+}").replace(/\{(\w+)\}/g, ":$1");
  files.put(route, async (context) => {
    const place = of(context);
    const bytes = await readBody(context.req.raw as unknown as Request, MAX_FILE_BYTES, "MAX_FILE_BYTES");
    const { file, isNew, urls } = await putFile(
      context.get("management"),
      context.get("environment"),
      context.req.param("project") ?? "",
      place,
      { bytes, contentType: contentType(context, place) },
    );
    const told = place.kind === "page" ? pageOnWire(place.page, urls ?? [], file) : onWire(file);
    return context.json(told, isNew ? 201 : 200);
  });
  files.get(route, async (context) => {
    const { file, bytes } = await readFile(
      context.get("management"),
      context.get("environment"),
      context.req.param("project") ?? "",
      of(context),
    );
    return context.body(bytes as Uint8Array<ArrayBuffer>, 200, {
      "content-type": file.contentType,
      // Someone else's page must not run as one of this origin.
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      etag: `"${file.hash}"`,
    });
  });
  files.delete(route, async (context) => {
    await removeFile(
      context.get("management"),
      context.get("environment"),
      context.req.param("project") ?? "",
      of(context),
    );
    return context.body(null, 204);
  });
}

/** What the request says of its bytes; else what the file's name says. A page is HTML. */
function contentType(context: ManagementContext, place: FilePlace): string {
  const said = context.req.header("content-type")?.trim() ?? "";
  if (!UNSAID.has(said.toLowerCase())) {
    if (said.length > 200 || !/^[\w!#$&^.+*'|~-]+\/[\w!#$&^.+*'|~-]+(?:[ \t]*;.*)?$/.test(said)) {
      throw new SluiceError(
        "invalid_request",
        "The Content-Type header is not a media type such as text/html.",
      );
    }
    return said;
  }
  if (place.kind === "page") return "text/html";
  return mime.getType(place.path) ?? "application/octet-stream";
}

for (const [path, operationId, summary] of [
  [
    "/projects/{project}/websites/{website}/files",
    "listWebsiteFiles",
    "List the files of a website, by path",
  ],
  ["/projects/{project}/files", "listProjectFiles", "List the files of the project's file manager, by path"],
] as const) {
  files.openAPIRegistry.registerPath(
    createRoute({
      method: "get",
      path,
      operationId,
      summary,
      tags,
      security,
      request: {
        params: z.object(
          Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, each = ""]) => [each, z.string()])),
        ),
        query: PageQuery,
      },
      responses: {
        ...guarded,
        200: json(FileList, "A page of them."),
        404: problem("There is no such project or website."),
      },
    }),
  );
  files.get(path.replace(/\{(\w+)\}/g, ":$1"), async (context) => {
    const { limit, cursor } = readQuery(PageQuery, context);
    const { files: found, next } = await listFiles(
      context.get("management"),
      context.get("environment"),
      context.req.param("project") ?? "",
      context.req.param("website"),
      limit,
      cursor,
    );
    return context.json({ files: found.map(onWire), next }, 200);
  });
}
