import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ScheduleView } from "../../src/domain/schedule";
import { clock, START } from "../support/run-shard";
import { admin, apply } from "../support/worker";

/*
 * The clock is stopped in the year 2100, so the platform fires no alarm by itself. Every test has a project of its own; there is one
 * scheduler, that of the environment.
 */

const MINUTE = 60_000;
const HOUR = 3_600_000;

// START is 2100-03-01T12:00:00Z, a full hour.
const flow = (name: string, schedule: unknown, more: object = {}) => ({
  flow: name,
  schedule,
  outputs: { out: "any" },
  start: "out",
  nodes: {
    out: {
      type: "output",
      to: "out",
      value: {
        at: "=input.header.`x-scheduled-at`",
        got: "=input.json",
        by: "=run.trigger & ' ' & run.user",
      },
    },
  },
  ...more,
});

const stub = () => env.SCHEDULER.getByName("e1/scheduler");

async function alarm(): Promise<void> {
  await runInDurableObject(stub(), (object) => object.alarm());
}

async function pass(ms: number): Promise<void> {
  clock.now += ms;
  await alarm();
}

async function listed(project: string): Promise<ScheduleView[]> {
  const response = await admin("GET", `/schedules?project=${project}`);
  return ((await response.json()) as { schedules: ScheduleView[] }).schedules;
}

interface Entry {
  id: string;
  status: string;
  message: string | null;
  trigger: string;
}

/** The runs of a project that some tick started or skipped, as their shards and the history know them. */
async function entries(project: string, count: number): Promise<Entry[]> {
  return vi.waitFor(
    async () => {
      const found: Entry[] = [];
      for (let shard = 0; shard < 8; shard += 1) {
        await runInDurableObject(
          env.RUN_SHARD.getByName(`e1/shard/${shard}`),
          async (object, { storage }) => {
            const rows = storage.sql
              .exec<{ id: string }>("SELECT id FROM runs WHERE project = ? ORDER BY id", project)
              .toArray();
            for (const { id } of rows) {
              const view = await object.poll(id);
              if (view.kind === "found") found.push(view.view as unknown as Entry);
            }
          },
        );
      }
      const { results } = await env.DB.prepare(
        "SELECT id, status, message, trigger_kind AS trigger FROM runs WHERE project = ? AND status = 'Cancelled'",
      )
        .bind(project)
        .all<Entry>();
      for (const row of results) if (!found.some(({ id }) => id === row.id)) found.push(row);
      if (found.length !== count || found.some(({ status }) => status === "Queued" || status === "Running")) {
        throw new Error(`${found.length} entries: ${JSON.stringify(found.map(({ status }) => status))}`);
      }
      return found;
    },
    { timeout: 5_000, interval: 20 },
  );
}

beforeEach(() => {
  clock.stop();
});
afterEach(async () => {
  vi.restoreAllMocks();
});

describe("a schedule", () => {
  test("starts one run at its time, with its input, however often the alarm comes", async () => {
    await apply("ticking", [flow("f", { cron: "*/5 * * * *", input: { n: 7 } })]);
    expect(await listed("ticking")).toEqual([
      {
        project: "ticking",
        flow: "f",
        status: "running",
        cron: "*/5 * * * *",
        timeZone: "UTC",
        missed: "skip",
        next: new Date(START + 5 * MINUTE).toISOString(),
        last: null,
      },
    ]);
    await pass(5 * MINUTE - 1);
    await entries("ticking", 0);
    clock.now += 1;
    await runInDurableObject(stub(), (object) =>
      Promise.all([object.alarm(), object.alarm(), object.alarm()]),
    );
    await evictDurableObject(stub());
    await alarm();
    const [run] = (await entries("ticking", 1)) as [Entry & { outcome: { outputs: unknown } }];
    expect(run).toMatchObject({ status: "Success", trigger: "schedule" });
    expect(run.outcome.outputs).toEqual({
      out: [{ at: new Date(START + 5 * MINUTE).toISOString(), got: { n: 7 }, by: "schedule system" }],
    });
    expect((await listed("ticking"))[0]).toMatchObject({
      next: new Date(START + 10 * MINUTE).toISOString(),
      last: { runId: run.id, result: "started", tick: new Date(START + 5 * MINUTE).toISOString() },
    });
    await apply("ticking", []);
    await pass(5 * MINUTE);
    await entries("ticking", 1);
    expect(await listed("ticking")).toEqual([]);
  });

  test("whose object dies between the decision and the run starts one run all the same", async () => {
    await apply("dying", [flow("f", { cron: "0 * * * *" })]);
    await listed("dying");
    clock.now += HOUR;
    await runInDurableObject(stub(), async (object, { storage }) => {
      await object.alarm();
      // As the tables were before the run was heard of.
      const { last_run: run } = storage.sql
        .exec<{ last_run: string }>("SELECT last_run FROM schedules WHERE project = 'dying'")
        .one();
      storage.sql.exec(
        `INSERT INTO ticks (run, flow_id, cron, time_zone, project_id, flow, at, due)
         SELECT ?, flow_id, cron, time_zone, project_id, flow, last_tick, last_at FROM schedules WHERE project = 'dying'`,
        run,
      );
    });
    await evictDurableObject(stub());
    await alarm();
    await entries("dying", 1);
    await apply("dying", []);
  });

  test("that was missed runs once for all its ticks, or not at all, as it says", async () => {
    await apply("away", [
      flow("once", { cron: "*/10 * * * *", missed: "run-once" }),
      flow("never", { cron: "*/10 * * * *", missed: "skip" }),
    ]);
    await listed("away");
    await pass(3 * HOUR + 5 * MINUTE);
    const found = await entries("away", 2);
    const once = found.find(({ status }) => status === "Success");
    const never = found.find(({ status }) => status === "Cancelled");
    expect(once).toMatchObject({ flow: "once" });
    expect(never?.message).toMatch(
      /^The tick of 2100-03-01T15:00:00.000Z was skipped: ticks since 2100-03-01T12:10:00/,
    );
    const read = (await (await admin("GET", `/runs/${once?.id}`)).json()) as { messages: { text: string }[] };
    expect(read.messages[0]?.text).toContain("were missed; this run is for all of them");
    // The next one comes in time again.
    await pass(5 * MINUTE);
    await entries("away", 4);
    await apply("away", []);
  });

  test("that is a minute late is not missed, a millisecond more is", async () => {
    await apply("late", [flow("f", { cron: "0 * * * *", missed: "skip" })]);
    await listed("late");
    await pass(HOUR + MINUTE);
    expect((await entries("late", 1))[0]?.status).toBe("Success");
    await pass(HOUR + 1);
    expect((await entries("late", 2)).map(({ status }) => status).sort()).toEqual(["Cancelled", "Success"]);
    await apply("late", []);
  });

  test("of a paused flow is skipped, and the run list says so; resumed it goes on", async () => {
    await apply("paused", [flow("f", { cron: "0 * * * *" })]);
    await listed("paused");
    await admin("PUT", "/projects/paused/flows/f/status", { status: "paused" });
    clock.now += 2_000;
    await pass(HOUR - 2_000);
    const [skipped] = await entries("paused", 1);
    expect(skipped).toMatchObject({
      status: "Cancelled",
      message: expect.stringContaining("the flow is paused"),
    });
    expect((await listed("paused"))[0]).toMatchObject({
      status: "paused",
      last: { result: "skipped", runId: skipped?.id },
    });
    const read = await admin("GET", `/runs/${skipped?.id}`);
    expect(await read.json()).toMatchObject({ trigger: "schedule", messages: [{ level: "warning" }] });
    await admin("PUT", "/projects/paused/flows/f/status", { status: "running" });
    clock.now += 2_000;
    await pass(HOUR - 2_000);
    expect((await entries("paused", 2)).map(({ status }) => status).sort()).toEqual(["Cancelled", "Success"]);
    await apply("paused", []);
  });

  test("whose exclusion group is taken is skipped, and names the holder", async () => {
    const holder = {
      ...flow("holder", { cron: "* * * * *" }),
      endpoint: { mode: "async", exclusion: { group: "one", onBusy: "queue" } },
      start: "hold",
      nodes: { hold: { type: "delay", for: "2h", next: "out" }, out: { type: "output", to: "out" } },
    };
    await apply("taken", [holder]);
    await listed("taken");
    await pass(MINUTE);
    await vi.waitFor(async () => expect((await entries("taken", 1))[0]?.status).toBe("Waiting"), 5_000);
    // The holder's shard renews its lease all the time.
    for (let seconds = 0; seconds < 60; seconds += 5) {
      clock.now += 5_000;
      for (let shard = 0; shard < 8; shard += 1) {
        await runDurableObjectAlarm(env.RUN_SHARD.getByName(`e1/shard/${shard}`));
      }
    }
    await alarm();
    const found = await entries("taken", 2);
    expect(found.map(({ status }) => status).sort()).toEqual(["Cancelled", "Waiting"]);
    expect(found.find(({ status }) => status === "Cancelled")?.message).toContain(
      'the exclusion group "one" is held by flow "holder"',
    );
    await apply("taken", []);
  });

  test("keeps its due time when the flow is published anew, and its new one when that changes", async () => {
    await apply("again", [flow("f", { cron: "0 * * * *" })]);
    await listed("again");
    clock.now += HOUR / 2;
    await apply("again", [flow("f", { cron: "0 * * * *", missed: "run-once" }, { description: "other" })]);
    expect((await listed("again"))[0]).toMatchObject({
      next: new Date(START + HOUR).toISOString(),
      missed: "run-once",
    });
    await apply("again", [
      flow("f", [{ cron: "15 * * * *" }, { cron: "45 * * * *", timeZone: "Asia/Tokyo" }]),
    ]);
    expect((await listed("again")).map(({ cron }) => cron)).toEqual(["15 * * * *", "45 * * * *"]);
    await apply("again", []);
  });
});

describe("a publication whose word is lost", () => {
  test("is found by the look that was set before it was made", async () => {
    // The process died between the commit and the call: only the announcement came.
    await runInDurableObject(stub(), (object) => object.expect());
    const told = vi.spyOn(
      Object.getPrototypeOf(await runInDurableObject(stub(), (object) => object)),
      "reconcile",
    );
    told.mockResolvedValue(undefined);
    await apply("lost", [flow("f", { cron: "0 * * * *", missed: "run-once" })]);
    expect(told).toHaveBeenCalled();
    told.mockRestore();
    await pass(5_000);
    clock.now = START + HOUR;
    await alarm();
    await entries("lost", 1);
    await apply("lost", []);
  });

  test("and found late, counts the ticks since it was made as missed", async () => {
    const told = vi.spyOn(
      Object.getPrototypeOf(await runInDurableObject(stub(), (object) => object)),
      "reconcile",
    );
    told.mockResolvedValue(undefined);
    await apply("later", [flow("f", { cron: "*/5 * * * *", missed: "run-once" })]);
    told.mockRestore();
    await evictDurableObject(stub());
    await pass(12 * MINUTE);
    await alarm();
    await entries("later", 1);
    expect((await listed("later"))[0]?.next).toBe(new Date(START + 15 * MINUTE).toISOString());
    await apply("later", []);
  });

  test("a database that is away does not stop it: it looks again", async () => {
    await apply("away-db", [flow("f", { cron: "0 * * * *" })]);
    await listed("away-db");
    await runInDurableObject(stub(), async (object) => {
      const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
        throw new Error("no database");
      });
      object.expect();
      clock.now += 700_000;
      await object.alarm();
      prepare.mockRestore();
    });
    clock.now = START + HOUR;
    await alarm();
    await alarm();
    await vi.waitFor(async () => {
      clock.now += 1_000;
      await alarm();
      await entries("away-db", 1);
    }, 5_000);
    await apply("away-db", []);
  });
});
