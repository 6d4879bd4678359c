import { beforeAll, describe, expect, it, vi } from "vitest";
import { data, EnvironmentCaller, type WireEnvironment } from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/** Answers of the environments chapter, field by field as the seed prints them. */

let caller: EnvironmentCaller;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
});

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
const HOST = expect.stringMatching(/^(?:www|api|web)-[a-z0-9]{24}\./);
const NUMBER = expect.any(Number);

const BASE = {
  id: expect.stringMatching(/^\d+$/),
  name: expect.any(String),
  description: "",
  date_created: TIME,
  date_updated: TIME,
  projects: [],
  package: { name: "Single Server A", code: "SS-A" },
  software: {
    current_version: {
      version: expect.stringMatching(/^v\.\d+\.\d+\.\d+$/),
      date_created: TIME,
      blocking_update: NUMBER,
      changelog: expect.stringMatching(/^https?:/),
    },
  },
  base_storage: 20,
  total_storage: 20,
  storage_addons: [],
  storage_info: {
    used: NUMBER,
    total: NUMBER,
    used_percentage: NUMBER,
    available_percentage: NUMBER,
  },
  active: 1,
  ip: "127.0.0.1",
};
const STATS = {
  status: "OK",
  current_storage: NUMBER,
  visits: 0,
  records: 0,
  batches: 0,
  webhooks: 0,
  tasks: 0,
  avg_performance: NUMBER,
  peak_performance: NUMBER,
};
const READY_INFO = { frontend_url: HOST, api_url: HOST, html_url: HOST, timezone: expect.any(String) };

describe("an answer about an environment", () => {
  it("has the seed's fields where it is created, read, listed and changed; statistics where the seed has them", async () => {
    const order = { name: "seed", package: "SS-A", region: "new york" };
    const created = await data(await caller.send("POST", "", order), 201);
    expect(created).toMatchObject({
      ...BASE,
      info: { frontend_url: "", api_url: "", html_url: "", timezone: expect.any(String) },
      status: "creating",
    });
    expect(created).not.toHaveProperty("stats");
    const { id } = created;
    await caller.becomes(id, "ready");
    const read = await caller.read(id);
    expect(read).toMatchObject({ ...BASE, info: READY_INFO, status: "ready", stats: STATS });
    expect(Object.keys(read.stats as object).sort()).toEqual(Object.keys(STATS).sort());
    const listed = await data<WireEnvironment[]>(await caller.send("GET", ""));
    expect(listed.find((each) => each.id === id)).toMatchObject({ ...BASE, info: READY_INFO, stats: STATS });
    expect(await data(await caller.send("GET", `/${id}/status`))).toEqual({ id, status: "ready" });
    for (const [what, body] of [
      ["update-version", undefined],
      ["optimize", undefined],
      ["upgrade", { package: "SS-B", storage: 100 }],
    ] as const) {
      const changed = await data(await caller.send("POST", `/${id}/${what}`, body));
      expect(changed, what).toMatchObject({ ...BASE, info: READY_INFO, status: "upgrading" });
      expect(changed, what).not.toHaveProperty("stats");
      await caller.becomes(id, "ready");
    }
  });

  it.each([
    ["amsterdam", "SS-A", "Single Server A"],
    ["frankfurt", "SS-B", "Single Server B"],
    ["london", "SS-C", "Single Server C"],
    ["new york", "SS-D", "Single Server D"],
    ["san francisco", "SS-A", "Single Server A"],
    ["toronto", "SS-B", "Single Server B"],
    ["bangalore", "SS-C", "Single Server C"],
    ["singapore", "SS-D", "Single Server D"],
  ])("is made in %s and of the package %s, %s", async (region, code, name) => {
    const order = { name: `in ${region}`, package: code, region };
    expect(await data(await caller.send("POST", "", order), 201)).toMatchObject({ package: { name, code } });
  });

  it("of projects has each with the seed's fields, and nothing else", async () => {
    await admin("PUT", "/projects/told", { flows: [returning("hello", "one")] });
    const projects = await data<Record<string, unknown>[]>(await caller.send("GET", "/1/projects"));
    expect(projects).toContainEqual({
      id: expect.stringMatching(/^\d+$/),
      name: "told",
      version: 1,
      date_created: TIME,
      date_updated: TIME,
    });
  });
});

describe("adding a project with every field of the seed's request", () => {
  const named = [
    { name: "not_there_1", action: "insert" },
    { name: "not_there_2", action: "insert or update" },
    { name: "not_there_3", action: "delete and insert" },
  ];
  const all = {
    static_data: "yes",
    file_manager: "yes",
    all_keystores: "insert",
    all_tables: "insert",
    all_websites: "insert",
    keystores: named.map(({ name, action }) => ({ keystore_id: name, action })),
    tables: named,
    websites: named.map(({ name, action }) => ({ slug: name, action })),
  };

  it("ignores the lists where `all_…` is there, each for itself", async () => {
    await admin("PUT", "/projects/whole", {
      flows: [returning("whole", "one")],
      tables: [{ table: "rows", columns: { sku: "text" } }],
      keystores: [{ keystore: "values" }],
      websites: [{ website: "pages" }],
    });
    const projects = await data<Record<string, string>[]>(await caller.send("GET", "/1/projects"));
    const project = projects.find(({ name }) => name === "whole")?.id as string;
    const first = await caller.ready();
    const answered = await data(await caller.send("POST", `/${first.id}/project/${project}`, all));
    expect(answered.projects).toEqual([project]);
    await caller.becomes(first.id, "ready");

    for (const kind of ["keystores", "tables", "websites"] as const) {
      const { [`all_${kind}` as const]: _, ...rest } = all;
      const refused = await caller.send("POST", `/${first.id}/project/${project}`, rest);
      expect(refused.status, kind).toBe(400);
      expect(await refused.text(), kind).toContain("not_there_1");
    }

    // From the environment that hosts it by now; its own id stays what the designer gave it.
    const second = await caller.ready();
    const request = { ...all, source_environment: Number(first.id) };
    expect(await data(await caller.send("POST", `/${second.id}/project/${project}`, request))).toMatchObject({
      projects: [project],
    });
    await caller.becomes(second.id, "ready");
    // Of the same version there is nothing to take from an environment.
    expect((await caller.send("POST", `/${second.id}/project/${project}`, request)).status).toBe(409);
  });
});
