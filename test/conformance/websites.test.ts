import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { data, EnvironmentCaller, hostOf, type WireEnvironment } from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/** Websites and hosted pages of an environment, as browsers see them, and how their files and URLs change. */

let caller: EnvironmentCaller;
let environment: WireEnvironment;
let own: Record<string, string>;
let project: number;

const at = (path: string, init: RequestInit = {}) => call(path, init, hostOf(environment));
const shown = async (path: string) => {
  const answer = await at(path);
  return [answer.status, await answer.text()];
};
const upload = async (path: string, body: string, type?: string, headers = own) => {
  const answer = await admin("PUT", `/projects/sites/${path}`, body, {
    ...headers,
    ...(type === undefined
      ? { "content-type": "application/x-www-form-urlencoded" }
      : { "content-type": type }),
  });
  if (!answer.ok) throw new Error(await answer.text());
};
const map = async (...mappings: object[]) =>
  caller.send(
    "POST",
    `/${environment.id}/urls`,
    mappings.map((each) => ({ project_id: project, ...each })),
  );
const website = (name: string, url: string) => ({ url, name, type: "website" });

const BUNDLE = {
  flows: [returning("f", 1)],
  websites: [
    { website: "shop", notFound: "missing.html", maxAge: 3600 },
    { website: "app", fallback: "index.html" },
    { website: "plain", index: "start.htm" },
  ],
};

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
  environment = await caller.ready();
  own = { "x-environment": environment.id };
  const applied = await admin("PUT", "/projects/sites", BUNDLE, own);
  if (!applied.ok) throw new Error(await applied.text());
  const [hosted] = await data<{ id: string }[]>(await caller.send("GET", `/${environment.id}/projects`));
  project = Number(hosted?.id);
  await upload("websites/shop/files/index.html", "<h1>shop</h1>");
  await upload("websites/shop/files/missing.html", "<h1>not here</h1>");
  await upload("websites/shop/files/deep/index.html", "deep");
  await upload("websites/shop/files/style.css", "a {}");
  await upload("websites/shop/files/data.json", "{}");
  await upload("websites/shop/files/own.bin", "0", "application/x-own");
  await upload("websites/app/files/index.html", "app");
  await upload("websites/plain/files/start.htm", "plain");
  const mapped = await map(website("shop", "/shop"), website("app", "/app/"), website("plain", "/"));
  if (!mapped.ok) throw new Error(await mapped.text());
});

describe("a file", () => {
  it.each([
    ["/shop/", "text/html; charset=utf-8"],
    ["/shop/style.css", "text/css; charset=utf-8"],
    ["/shop/data.json", "application/json; charset=utf-8"],
    ["/shop/own.bin", "application/x-own"],
  ])("%s has the type %s", async (path, type) => {
    const answer = await at(path);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, type]);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("has a tag and a date that say when it is known already; another content has another tag", async () => {
    const first = await at("/shop/style.css");
    const tag = first.headers.get("etag") as string;
    const date = first.headers.get("last-modified") as string;
    expect(first.headers.get("cache-control")).toBe("public, max-age=3600");
    for (const condition of [
      { "if-none-match": tag },
      { "if-none-match": `"other", W/${tag}` },
      { "if-none-match": "*" },
      { "if-modified-since": date },
    ]) {
      const known = await at("/shop/style.css", { headers: condition });
      expect([known.status, known.headers.get("etag"), await known.text()]).toEqual([304, tag, ""]);
    }
    const earlier = new Date(Date.parse(date) - 1_000).toUTCString();
    // Tags go before dates (RFC 9110, 13.2.2).
    for (const condition of [
      { "if-none-match": '"other"', "if-modified-since": date },
      { "if-modified-since": earlier },
    ]) {
      expect((await at("/shop/style.css", { headers: condition })).status).toBe(200);
    }
    await upload("websites/shop/files/style.css", "b {}");
    const changed = await at("/shop/style.css", { headers: { "if-none-match": tag } });
    expect([changed.status, await changed.text()]).toEqual([200, "b {}"]);
    expect(changed.headers.get("etag")).not.toBe(tag);
  });

  it("is served in parts, also over the borders of its rows", async () => {
    const big = Array.from({ length: 262_145 }, (_, index) => String(index).padStart(8, "0")).join("");
    await upload("websites/shop/files/big.txt", big);
    const tag = (await at("/shop/big.txt", { method: "HEAD" })).headers.get("etag") as string;
    const part = async (range: string, more: Record<string, string> = {}) => {
      const answer = await at("/shop/big.txt", { headers: { range, ...more } });
      return [answer.status, answer.headers.get("content-range"), await answer.text()];
    };
    const size = big.length;
    expect(await part("bytes=1048570-1048581")).toEqual([
      206,
      `bytes 1048570-1048581/${size}`,
      big.slice(1_048_570, 1_048_582),
    ]);
    expect(await part("bytes=-8")).toEqual([206, `bytes ${size - 8}-${size - 1}/${size}`, big.slice(-8)]);
    expect(await part(`bytes=${size - 1}-`)).toEqual([206, `bytes ${size - 1}-${size - 1}/${size}`, "4"]);
    expect((await part(`bytes=${size}-`))[0]).toBe(416);
    // Several ranges, another unit, and one of another state get the whole.
    for (const [range, more] of [
      ["bytes=0-1,4-5", {}],
      ["rows=0-1", {}],
      ["bytes=0-1", { "if-range": '"other"' }],
    ] as const) {
      expect((await part(range, more))[0]).toBe(200);
    }
    expect((await part("bytes=0-1", { "if-range": tag }))[0]).toBe(206);
  }, 20_000);

  it("answers HEAD with what GET would, and nothing but GET and HEAD", async () => {
    const head = await at("/shop/data.json", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "2", ""]);
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const answer = await at("/shop/data.json", { method });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    }
  });
});

describe("a website", () => {
  it("has an index in each folder, to whose slash it leads; its own page for what is missing, with 404", async () => {
    expect(await shown("/shop/deep/")).toEqual([200, "deep"]);
    const folder = await at("/shop/deep?a=b");
    expect([folder.status, folder.headers.get("location")]).toEqual([308, "/shop/deep/?a=b"]);
    expect(await shown("/shop/nothing.html")).toEqual([404, "<h1>not here</h1>"]);
    expect(await shown("/shop/missing.html")).toEqual([200, "<h1>not here</h1>"]);
  });

  it("of one page answers everything with it, with 200", async () => {
    expect(await shown("/app/any/where")).toEqual([200, "app"]);
    expect((await at("/app/any/where")).headers.get("cache-control")).toBe("no-cache");
  });

  it("is found by the longest URL that leads to it; paths of APIs go before", async () => {
    expect(await shown("/")).toEqual([200, "plain"]);
    expect(await shown("/shop/")).toEqual([200, "<h1>shop</h1>"]);
    expect((await at("/shopping")).status).toBe(404);
    expect((await at("/v1/options")).headers.get("content-type")).toContain("json");
    expect((await at("/health")).status).toBe(200);
  });

  it.each(["/shop/../index.html", "/shop/%2e%2e/start.htm", "/shop/%00", "/shop/%zz", "/shop//index.html"])(
    "shows nothing of others at %s",
    async (path) => {
      const answer = await at(path);
      expect([200, 308, 404, 400]).toContain(answer.status);
      expect(await answer.text()).not.toContain("Error");
    },
  );
});

describe("a mapping", () => {
  it("of a URL that is mapped already takes its place, and keeps its date", async () => {
    const read = async () => {
      const { urls_mapped } = await data<{ urls_mapped: Record<string, string>[] }>(
        await caller.send("GET", `/${environment.id}/urls`),
      );
      return urls_mapped.find(({ url }) => url === "/changing/");
    };
    expect((await map(website("shop", "/changing"))).status).toBe(200);
    const before = await read();
    expect(await shown("/changing/")).toEqual([200, "<h1>shop</h1>"]);
    await scheduler.wait(1_100);
    expect((await map(website("app", "/changing/"))).status).toBe(200);
    expect(await shown("/changing/")).toEqual([200, "app"]);
    const after = await read();
    expect(after).toMatchObject({ name: "app", date_created: before?.date_created });
    expect(after?.date_updated).not.toBe(before?.date_updated);
  });

  it("is removed by its URL, project and type together", async () => {
    await map(website("shop", "/going/"));
    const remove = (change: object) =>
      caller.send("DELETE", `/${environment.id}/urls`, [
        { project_id: project, url: "/going/", type: "website", ...change },
      ]);
    for (const other of [{ type: "hostedpage" }, { project_id: 987654 }, { url: "/other/" }]) {
      expect((await remove(other)).status).toBe(404);
    }
    expect((await at("/going/")).status).toBe(200);
    const removed = await data<{ urls_mapped: { url: string }[] }>(await remove({}));
    expect(removed.urls_mapped.map(({ url }) => url)).not.toContain("/going/");
    expect((await at("/going/")).status).toBe(404);
  });

  it("whose website is gone from the project shows nothing", async () => {
    await admin("PUT", "/projects/leaving", { flows: [], websites: [{ website: "brief" }] }, own);
    await admin("PUT", "/projects/leaving/websites/brief/files/index.html", "here", own);
    const hosted = await data<{ id: string; name: string }[]>(
      await caller.send("GET", `/${environment.id}/projects`),
    );
    const id = Number(hosted.find(({ name }) => name === "leaving")?.id);
    await caller.send("POST", `/${environment.id}/urls`, [{ project_id: id, ...website("brief", "/brief") }]);
    expect((await shown("/brief/"))[0]).toBe(200);
    await data(await caller.send("DELETE", `/${environment.id}/project/${id}`));
    await expect.poll(async () => (await at("/brief/")).status, { timeout: 6_000 }).toBe(404);
  });
});

describe("files of a website that come with its project", () => {
  it("by the three actions: new ones only; new and changed ones; exactly those of the source", async () => {
    const target = await caller.ready();
    const files = async () => {
      const { results } = await env.DB.prepare(
        "SELECT path, size FROM project_files WHERE environment_id = ? AND site = 'shop' ORDER BY path",
      )
        .bind(Number(target.id))
        .all<{ path: string; size: number }>();
      return Object.fromEntries(results.map(({ path, size }) => [path, size]));
    };
    const there = { "x-environment": target.id };
    let version = 0;
    const add = async (action: string) => {
      // From another environment only what is newer comes.
      version += 1;
      await admin("PUT", "/projects/sites", { ...BUNDLE, description: `version ${version}` }, own);
      const body = { source_environment: Number(environment.id), websites: [{ slug: "shop", action }] };
      await data(await caller.send("POST", `/${target.id}/project/${project}`, body));
      await caller.becomes(target.id, "ready");
    };
    await add("insert");
    const source = await files();
    expect(Object.keys(source)).toContain("index.html");
    await upload("websites/shop/files/index.html", "changed there", undefined, there);
    await upload("websites/shop/files/theirs.html", "theirs", undefined, there);
    await add("insert");
    expect(await files()).toEqual({ ...source, "index.html": 13, "theirs.html": 6 });
    await add("insert or update");
    expect(await files()).toEqual({ ...source, "theirs.html": 6 });
    await add("delete and insert");
    expect(await files()).toEqual(source);
    const parts = await env.DB.prepare(
      `SELECT count(*) AS n FROM project_files f WHERE environment_id = ? AND size > 0
       AND NOT EXISTS (SELECT 1 FROM project_file_parts p WHERE p.file_id = f.id)`,
    )
      .bind(Number(target.id))
      .first<{ n: number }>();
    expect(parts?.n).toBe(0);
  }, 20_000);
});

describe("a hosted page", () => {
  const put = async (body: string, on = "sites", headers = own) => {
    const answer = await admin("PUT", `/projects/${on}/pages/Our shop`, body, {
      ...headers,
      "content-type": "text/html",
    });
    return [answer.status, await answer.json()] as [number, Record<string, unknown>];
  };

  it("is answered with its name and the URLs that show it, of which there are none at first", async () => {
    const told = {
      page: "Our shop",
      contentType: "text/html",
      size: 5,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      updatedAt: expect.stringMatching(/^20.*Z$/),
    };
    expect(await put("<one>")).toStrictEqual([201, { ...told, urls: [] }]);
    const page = { name: "Our shop", type: "hostedpage" };
    const mapped = await map({ url: "/visit-us/", ...page }, { url: "/our-shop/", ...page });
    expect(mapped.status).toBe(200);
    expect(await put("<two>")).toStrictEqual([200, { ...told, urls: ["/our-shop/", "/visit-us/"] }]);
    expect(await shown("/visit-us/")).toEqual([200, "<two>"]);
  });

  it("has the URLs of its own project alone", async () => {
    expect((await admin("PUT", "/projects/others", { flows: [] }, own)).ok).toBe(true);
    expect((await put("<other>", "others"))[1].urls).toEqual([]);
  });

  it("leaves files the path that they have", async () => {
    const answer = await admin("PUT", "/projects/sites/websites/shop/files/a/b.txt", "text", own);
    const told = await answer.json<Record<string, unknown>>();
    expect([told.path, told.page, told.urls]).toEqual(["a/b.txt", undefined, undefined]);
  });
});
