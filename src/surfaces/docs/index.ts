import { Hono } from "hono";
import { RELEASES, type Release } from "../../domain/software";

/** Files of Swagger UI that the page needs, with their types. Nothing else of the package is served. */
const FILES: Record<string, string> = {
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "swagger-ui.css": "text/css; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

const START =
  "window.onload = () => SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true });";

/** What a release brings, where its `changelog` leads. */
function changelog({ version, releasedAt, notes }: Release): string {
  const date = new Date(releasedAt).toISOString().slice(0, 10);
  return `    <section id="changelog-${version}">
      <h2>${version}, ${date}</h2>
      <ul>${notes.map((note) => `<li>${note}</li>`).join("")}</ul>
    </section>`;
}

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Sluice: API reference</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
  </head>
  <body>
    <div id="reference"></div>
    <div class="swagger-ui"><div class="wrapper">
${RELEASES.toReversed().map(changelog).join("\n")}
    </div></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const HEADERS = {
  // Swagger UI sets styles inline and shows its icons as data.
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

/** The reference page, `/docs`, over `/openapi.json`. */
export const docs = new Hono<{ Variables: { assets: Fetcher } }>();

docs.get("/", (context) => context.html(PAGE, 200, HEADERS));
docs.get("/start.js", (context) =>
  context.body(START, 200, { ...HEADERS, "content-type": "text/javascript; charset=utf-8" }),
);
docs.get("/:file", async (context) => {
  const type = FILES[context.req.param("file")];
  if (type === undefined) return context.notFound();
  const asset = await context.get("assets").fetch(new URL(`/${context.req.param("file")}`, context.req.url));
  if (!asset.ok) return context.notFound();
  return new Response(asset.body as never, {
    headers: { ...HEADERS, "content-type": type, "cache-control": "public, max-age=86400" },
  }) as never;
});
