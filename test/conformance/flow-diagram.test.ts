import { beforeAll, describe, expect, it } from "vitest";
import {
  accessToken,
  issueInterface,
  keyHeaders,
  type V1Credentials,
  v1,
  v1Credentials,
} from "../support/v1";
import { admin, call } from "../support/worker";

/** Get Flow Diagram, as the seed describes it, and the pictures that are ours. */

const FLOW = {
  flow: "diagram flow",
  description: "Prices an order & tells <who>.",
  start: "price",
  outputs: { quote: "any" },
  nodes: {
    price: {
      type: "calculate",
      description: "Prices <b>",
      set: { price: "=1" },
      results: { ok: "each", error: "no" },
    },
    each: {
      type: "for-each",
      over: "=[1]",
      do: { start: "line", nodes: { line: { type: "calculate", set: { a: "=item" }, next: "return" } } },
      next: "out",
    },
    out: { type: "output", to: "quote" },
    no: { type: "error", message: "no" },
  },
};

let credentials: V1Credentials;
let flowId: string;

beforeAll(async () => {
  for (const flow of [{ ...FLOW, description: "Earlier." }, FLOW]) {
    const applied = await admin("PUT", "/projects/diagrams", { flows: [flow] });
    if (!applied.ok) throw new Error(await applied.text());
  }
  const draft = { ...FLOW, description: "Not yet." };
  await admin("PUT", "/projects/diagrams?publish=false", { flows: [draft] });
  for (const project of ["twin one", "twin two"]) {
    await admin("PUT", `/projects/${encodeURIComponent(project)}`, { flows: [{ ...FLOW, flow: "twin" }] });
  }
  const { flows } = await (await admin("GET", "/projects/diagrams/flows")).json<{
    flows: { id: number }[];
  }>();
  flowId = String(flows[0]?.id);
  credentials = await v1Credentials("diagrams");
});

const headers = (more: Record<string, string> = {}) => ({
  ...keyHeaders(credentials),
  "x-scopes": "flowdiagram.read",
  "x-flow": "diagram flow",
  ...more,
});

async function checkAnswer(response: Response) {
  expect(response.status, await response.clone().text()).toBe(200);
  const body = await response.json<Record<string, unknown>>();
  expect(body).toMatchObject({
    id: 200,
    code: 200,
    resource: {
      customer: "default",
      flow_id: flowId,
      flow_name: "diagram flow",
      description: "Prices an order & tells <who>.",
      current_flow: { project: "diagrams", version: 2, status: "running", definition: FLOW },
      versions: [
        { version: 3, state: "draft", current: false, date_published: null },
        { version: 2, state: "published", current: true, created_by: "admin" },
        { version: 1, state: "published", current: false },
      ],
    },
    message: "Flow diagram is retrieving successfully",
  });
}

describe("the seed's requests", () => {
  it("using OAuth 2", async () => {
    const { access } = await accessToken(credentials);
    await checkAnswer(
      await v1("GET", "/flowdiagram", {
        authorization: `Bearer ${access}`,
        "x-scopes": "flowdiagram.read",
        "x-flow": "diagram flow",
        "cache-control": "no-cache",
      }),
    );
  });

  it("using headers", async () => {
    await checkAnswer(await v1("GET", "/flowdiagram", headers({ "cache-control": "no-cache" })));
    await checkAnswer(await v1("GET", "/flowdiagram", headers({ "x-app": credentials.appKey })));
  });

  it("using the URL", async () => {
    const query = new URLSearchParams({
      scopes: "flowdiagram.read",
      api_key: credentials.apiKey,
      app_key: credentials.appKey,
      flow_name: "diagram flow",
    });
    await checkAnswer(await v1("GET", `/flowdiagram?${query}`, { "cache-control": "no-cache" }));
  });

  it("take the flow's id as well as its name, and the plain scope", async () => {
    await checkAnswer(await v1("GET", "/flowdiagram", headers({ "x-flow": flowId })));
    await checkAnswer(await v1("GET", "/flowdiagram/", headers({ "x-scopes": "flowdiagram" })));
  });

  it("are answered in XML where that is asked for, and with the fields that are wanted", async () => {
    const xml = await v1("GET", "/flowdiagram", headers({ "content-type": "application/xml" }));
    expect(xml.headers.get("content-type")).toContain("application/xml");
    expect(await xml.text()).toContain("<flow_name>diagram flow</flow_name>");
    const some = await v1("GET", "/flowdiagram?fields=flow_name,customer", headers());
    expect((await some.json<{ resource: unknown }>()).resource).toEqual({
      flow_name: "diagram flow",
      customer: "default",
    });
  });

  it("are cached by ETag and Last-Modified; HEAD has no body", async () => {
    const first = await v1("GET", "/flowdiagram", headers());
    const tag = first.headers.get("etag") as string;
    expect((await v1("GET", "/flowdiagram", headers({ "if-none-match": tag }))).status).toBe(304);
    const modified = first.headers.get("last-modified") as string;
    expect((await v1("GET", "/flowdiagram", headers({ "if-modified-since": modified }))).status).toBe(304);
    const head = await v1("HEAD", "/flowdiagram", headers());
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("are refused without a flow, for one that there is not, and for a name that two projects have", async () => {
    const { "x-flow": _, ...none } = headers();
    expect((await v1("GET", "/flowdiagram", none)).status).toBe(400);
    for (const flow of ["nothing", "999999", "' OR 1=1 --", "x".repeat(300)]) {
      expect((await v1("GET", "/flowdiagram", headers({ "x-flow": flow }))).status, flow).toBe(404);
    }
    const twin = await v1("GET", "/flowdiagram", headers({ "x-flow": "twin" }));
    expect(twin.status).toBe(409);
    expect(await twin.text()).toContain("twin one");
  });

  it("are refused without credentials, and without the scope", async () => {
    expect((await v1("GET", "/flowdiagram", { "x-flow": flowId })).status).toBe(401);
    expect((await v1("GET", "/flowdiagram", headers({ "x-apikey": "wrong" }))).status).toBe(401);
    expect((await v1("GET", "/flowdiagram", headers({ authorization: "Bearer junk" }))).status).toBe(403);
    expect((await v1("GET", "/flowdiagram", headers({ "x-scopes": "record" }))).status).toBe(403);
    const poor = await issueInterface("no diagrams", { scopes: ["record"] });
    expect(
      (await v1("GET", "/flowdiagram", headers({ "x-app": poor.name, "x-scopes": "flowdiagram" }))).status,
    ).toBe(403);
    expect((await v1("POST", "/flowdiagram", headers())).status).toBe(405);
  });
});

describe("pictures", () => {
  it("are SVG and Mermaid, by Accept or format", async () => {
    for (const [path, accept] of [
      ["/flowdiagram", "image/svg+xml"],
      ["/flowdiagram?format=svg", "*/*"],
    ] as const) {
      const svg = await v1("GET", path, headers({ accept }));
      expect(svg.headers.get("content-type")).toBe("image/svg+xml; charset=utf-8");
      expect(svg.headers.get("content-security-policy")).toContain("sandbox");
      const text = await svg.text();
      expect(text).toMatch(/^<svg [^>]*role="img"/);
      expect(text).toContain('<title id="flow-title">diagram flow</title>');
      expect(text).toContain("Prices &lt;b&gt;");
    }
    for (const [path, accept] of [
      ["/flowdiagram", "text/vnd.mermaid"],
      ["/flowdiagram?format=mermaid", "application/json"],
    ] as const) {
      const mermaid = await v1("GET", path, headers({ accept }));
      expect(mermaid.headers.get("content-type")).toBe("text/vnd.mermaid; charset=utf-8");
      expect(await mermaid.text()).toContain("flowchart TB");
    }
    const data = await v1(
      "GET",
      "/flowdiagram",
      headers({ accept: "image/svg+xml;q=0.5, application/json" }),
    );
    expect(data.headers.get("content-type")).toContain("json");
    expect((await v1("GET", "/flowdiagram?format=png", headers())).status).toBe(400);
  });

  it("are of the version that is asked for", async () => {
    for (const [version, told] of [
      ["1", "Earlier."],
      ["3", "Not yet."],
    ] as const) {
      const answer = await v1("GET", "/flowdiagram", headers({ "x-version": version }));
      const { resource } = await answer.json<{ resource: { description: string } }>();
      expect(resource.description).toBe(told);
    }
    expect((await v1("GET", "/flowdiagram", headers({ "x-version": "9" }))).status).toBe(404);
    expect((await v1("GET", "/flowdiagram", headers({ "x-version": "one" }))).status).toBe(400);
  });

  it("are in the management API, too", async () => {
    const path = "/projects/diagrams/flows/diagram%20flow/diagram";
    const svg = await admin("GET", path);
    expect(svg.status, await svg.clone().text()).toBe(200);
    expect(svg.headers.get("content-type")).toBe("image/svg+xml; charset=utf-8");
    const tag = svg.headers.get("etag") as string;
    expect((await admin("GET", path, undefined, { "if-none-match": tag })).status).toBe(304);
    expect(await (await admin("GET", `${path}?format=mermaid`)).text()).toContain("flowchart TB");
    expect(await (await admin("GET", path, undefined, { accept: "text/vnd.mermaid" })).text()).toContain(
      "flowchart",
    );
    expect(await (await admin("GET", `${path}?version=1`)).text()).toContain("Earlier.");
    expect((await admin("GET", `${path}?version=9`)).status).toBe(404);
    expect((await admin("GET", `${path}?format=png`)).status).toBe(400);
    expect((await admin("GET", "/projects/diagrams/flows/none/diagram")).status).toBe(404);
    expect((await call(`/admin/v1${path}`)).status).toBe(401);
  });
});
