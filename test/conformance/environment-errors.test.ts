import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { MAX_CHANGE_ATTEMPTS } from "../../src/domain/limits";
import { data, EnvironmentCaller, hostOf, refused, type WireEnvironment } from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, call, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/*
 * Environments whose change cannot be carried out. The fault is a trigger of the database that refuses what the change
 * writes: nothing that trying again could mend, until it is taken away.
 */

let caller: EnvironmentCaller;
let names = 0;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
});

/** Has the database refuse an update of a column of an environment's rows. @returns what takes the fault away */
async function fault(table: string, when: string): Promise<() => Promise<void>> {
  names += 1;
  const name = `fault_${names}`;
  await env.DB.prepare(
    `CREATE TRIGGER ${name} BEFORE ${table} WHEN ${when} BEGIN SELECT RAISE(ABORT, 'secret words of the database'); END`,
  ).run();
  return async () => {
    await env.DB.prepare(`DROP TRIGGER ${name}`).run();
  };
}

const managerOf = (id: string) => env.ENVIRONMENT_MANAGER.getByName(`e${id}`);

/** Lets an environment's object try as often as it does, without the waits in between. @returns tries until it gave up */
async function exhaust(id: string): Promise<number> {
  for (let tries = 1; tries <= MAX_CHANGE_ATTEMPTS + 1; tries += 1) {
    await runInDurableObject(managerOf(id), (object) => object.alarm());
    const { status } = await data(await caller.send("GET", `/${id}/status`));
    if (status === "error") return tries;
  }
  return Number.POSITIVE_INFINITY;
}

/** An environment that could not be created, and what mends the database. */
async function unmade(): Promise<{ id: string; mend: () => Promise<void> }> {
  const next = await env.DB.prepare("SELECT max(id) + 1 AS id FROM environments").first<{ id: number }>();
  const mend = await fault("UPDATE OF host ON environments", `NEW.id = ${next?.id} AND NEW.host IS NOT NULL`);
  names += 1;
  const order = { name: `unmade-${names}`, package: "SS-A", region: "london" };
  const { id } = await data(await caller.send("POST", "", order), 201);
  await scheduler.wait(400);
  await exhaust(id);
  return { id, mend };
}

const statusOf = async (id: string) => data(await caller.send("GET", `/${id}/status`));

describe("a change that cannot be carried out", () => {
  it("is tried a bounded number of times, then the environment is in `error`, and says which change and why", async () => {
    const next = await env.DB.prepare("SELECT max(id) + 1 AS id FROM environments").first<{ id: number }>();
    const mend = await fault(
      "UPDATE OF host ON environments",
      `NEW.id = ${next?.id} AND NEW.host IS NOT NULL`,
    );
    const { id } = await data(
      await caller.send("POST", "", { name: "never", package: "SS-A", region: "london" }),
      201,
    );
    await scheduler.wait(400);
    expect(await statusOf(id)).toEqual({ id, status: "creating" });
    // Asking does not use its attempts up: some were made by now, by its own alarm.
    for (let asked = 0; asked < 30; asked += 1) await statusOf(id);
    const made = await runInDurableObject(
      managerOf(id),
      async (_object, { storage }) => (await storage.get<{ attempts: number }>("mark"))?.attempts ?? 0,
    );
    expect(made).toBeLessThan(4);
    expect((await exhaust(id)) + made).toBeLessThanOrEqual(MAX_CHANGE_ATTEMPTS + 1);
    const stood = await statusOf(id);
    expect(stood).toEqual({
      id,
      status: "error",
      error: {
        change: "create",
        message: expect.stringMatching(
          /^It was tried 10 times \(MAX_CHANGE_ATTEMPTS\) and met: a fault inside, which the log has as [0-9a-f-]{36}\.$/,
        ),
        date: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      },
    });
    const shown = await caller.send("GET", `/${id}`);
    const text = await shown.text();
    expect(text).not.toContain("secret words");
    expect(JSON.parse(text)).toMatchObject({
      data: { status: "error", active: 0, error: { change: "create" }, info: { api_url: "" } },
    });
    // It rests: no alarm goes on trying.
    expect(await runInDurableObject(managerOf(id), (_object, { storage }) => storage.getAlarm())).toBeNull();
    await mend();
  }, 20_000);

  it("is tried again by POST /v1/environment/{id}, which changes what it says too", async () => {
    const { id, mend } = await unmade();
    await mend();
    const answered = await data(await caller.send("POST", `/${id}`, { description: "once more" }));
    expect(answered).toMatchObject({ status: "creating", description: "once more" });
    await caller.becomes(id, "ready");
    const made = await caller.read(id);
    expect(hostOf(made)).toMatch(/^api-[a-z0-9]{24}\./);
    expect(made.error).toBeUndefined();
  });

  it("that is tried again and fails again is in `error` again", async () => {
    const { id, mend } = await unmade();
    await data(await caller.send("POST", `/${id}`, { description: "once more" }));
    await scheduler.wait(400);
    await exhaust(id);
    expect((await statusOf(id)).status).toBe("error");
    await mend();
  });

  it.each([
    ["upgrade", { package: "SS-B" }],
    ["update-version", undefined],
    ["optimize", undefined],
  ])("may be followed by %s, and an environment that was never made is made by it", async (route, body) => {
    const { id, mend } = await unmade();
    await mend();
    await data(await caller.send("POST", `/${id}/${route}`, body));
    await caller.becomes(id, "ready");
    const made = await caller.read(id);
    expect(hostOf(made)).toMatch(/^api-/);
    expect((await call("/phixflow/api/1/action/x/y/trigger", {}, hostOf(made))).status).toBe(404);
  });

  it("may be followed by deleting the environment", async () => {
    const { id, mend } = await unmade();
    await data(await caller.send("DELETE", `/${id}`));
    expect(await caller.becomes(id, "deleted")).toContain("deleting");
    await mend();
  });

  it("of a package leaves the old one in force; calls are served all the while", async () => {
    const environment: WireEnvironment = await caller.ready();
    const { id } = environment;
    const applied = await admin(
      "PUT",
      "/projects/served",
      { flows: [returning("f", 1)] },
      { "x-environment": id },
    );
    expect(applied.ok).toBe(true);
    const mend = await fault(
      "UPDATE OF package ON environment_details",
      `NEW.environment_id = ${id} AND NEW.package = 'SS-B'`,
    );
    await data(await caller.send("POST", `/${id}/upgrade`, { package: "SS-B" }));
    await scheduler.wait(400);
    await exhaust(id);
    const failed = await caller.read(id);
    expect(failed).toMatchObject({
      status: "error",
      error: { change: "package" },
      package: { code: "SS-A" },
    });
    const served = await call("/phixflow/api/1/action/served/f/trigger", {}, hostOf(environment));
    expect(served.status).toBe(200);
    await mend();
    // Another change may take its place: it is not made up for.
    await data(await caller.send("POST", `/${id}/upgrade`, { package: "SS-C" }));
    await caller.becomes(id, "ready");
    const mended = await caller.read(id);
    expect([mended.package, mended.error, hostOf(mended)]).toEqual([
      { name: "Single Server C", code: "SS-C" },
      undefined,
      hostOf(environment),
    ]);
  });

  it("of deleting leaves nothing but deleting it again", async () => {
    const environment = await caller.ready();
    const { id } = environment;
    const applied = await admin(
      "PUT",
      "/projects/stuck",
      { flows: [returning("f", 1)] },
      { "x-environment": id },
    );
    expect(applied.ok).toBe(true);
    const mend = await fault("DELETE ON projects", `OLD.environment_id = ${id}`);
    await data(await caller.send("DELETE", `/${id}`));
    await scheduler.wait(400);
    await exhaust(id);
    expect(await statusOf(id)).toMatchObject({ status: "error", error: { change: "delete" } });
    for (const [path, body] of [
      ["", { name: "alive" }],
      ["/upgrade", { package: "SS-B" }],
      ["/optimize", undefined],
      ["/project/1", {}],
    ] as const) {
      expect(await refused(await caller.send("POST", `/${id}${path}`, body), 409)).toContain("deleted again");
    }
    expect((await call("/phixflow/api/1/action/stuck/f/trigger", {}, hostOf(environment))).status).toBe(404);
    await mend();
    await data(await caller.send("DELETE", `/${id}`));
    await caller.becomes(id, "deleted");
    const left = await env.DB.prepare("SELECT count(*) AS n FROM projects WHERE environment_id = ?")
      .bind(Number(id))
      .first<{ n: number }>();
    expect(left?.n).toBe(0);
  }, 20_000);

  it("that no run of it comes back from is given up, too", async () => {
    const environment = await caller.ready();
    const { id } = environment;
    const mend = await fault(
      "UPDATE OF package ON environment_details",
      `NEW.environment_id = ${id} AND NEW.package = 'SS-B'`,
    );
    await data(await caller.send("POST", `/${id}/upgrade`, { package: "SS-B" }));
    // As if each attempt had taken the object down with it.
    await runInDurableObject(managerOf(id), async (object, { storage }) => {
      const mark = { environmentId: Number(id), looks: 50, attempts: MAX_CHANGE_ATTEMPTS, waitsUntil: 0 };
      await storage.put("mark", mark);
      await object.alarm();
    });
    expect(await statusOf(id)).toMatchObject({
      status: "error",
      error: { message: expect.stringContaining("did not come back") },
    });
    await mend();
  });
});
