import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { D1Records } from "../../src/adapters/d1/records/store";
import type { RecordTelling } from "../../src/domain/record";
import { applyFlows } from "../support/records";
import { admin } from "../support/worker";

const store = new D1Records(env.DB);
let flowId: number;

beforeAll(async () => {
  flowId = Number((await applyFlows()).get("work"));
});

async function insert(uuid: string, more: { dueAt?: number; at?: number; flowId?: number } = {}) {
  const at = more.at ?? 1_000;
  return store.insert({
    environmentId: 1,
    flowId: more.flowId ?? flowId,
    flowVersion: 1,
    status: 0,
    dueAt: more.dueAt ?? at,
    at,
    by: "test",
    trigger: "v1",
    records: [{ uuid, runId: `run-${uuid}`, data: '{"a":1}', fields: [] }],
  });
}

function telling(uuid: string, rev: number, more: Partial<RecordTelling> = {}): RecordTelling {
  return {
    environmentId: 1,
    uuid,
    runId: `run-${uuid}`,
    rev,
    status: 1,
    queue: "taken",
    flowVersion: 1,
    run: 1,
    begunAt: 2_000,
    nextRunAt: null,
    stepType: null,
    step: null,
    message: null,
    steps: undefined,
    ...more,
  };
}

describe("what a run tells its record", () => {
  it("is never taken back, in whatever order and however often it comes", async () => {
    await insert("told");
    const end = telling("told", 4, { status: 2, queue: "none", step: "end", stepType: "end" });
    const all = [
      telling("told", 1, { status: 0, run: undefined, begunAt: null }),
      telling("told", 2),
      telling("told", 3),
    ];
    for (const order of [
      [...all, end],
      [end, ...all],
      [all[2], end, all[0], all[1]],
      [end, end],
    ]) {
      for (const each of order) await store.tell([each as RecordTelling]);
      const [row] = await store.rows(1, ["told"]);
      expect(row).toMatchObject({
        status: 2,
        queue: "none",
        numRuns: 1,
        startedAt: 2_000,
        step: "end",
        dueAt: null,
      });
    }
  });

  it("counts only while the run is the record's own", async () => {
    await insert("moved");
    const [before] = await store.rows(1, ["moved"]);
    const changed = await store.change(
      1,
      [
        {
          uuid: "moved",
          runId: "run-moved",
          newRunId: "run-other",
          status: 0,
          queue: "waiting",
          dueAt: 5,
          resumeOf: null,
          resumeAt: null,
        },
      ],
      9_000,
    );
    expect([...changed]).toEqual(["moved"]);
    await store.tell([telling("moved", 99, { status: 3, queue: "none" })]);
    const [after] = await store.rows(1, ["moved"]);
    expect(after).toMatchObject({
      ...before,
      runId: "run-other",
      dueAt: 5,
      nextRunAt: 5,
      modifiedAt: 9_000,
      queue: "waiting",
      status: 0,
    });
    // Nor is it changed for one who knows the run before.
    const late = {
      uuid: "moved",
      runId: "run-moved",
      newRunId: "x",
      status: 0,
      queue: "held",
      dueAt: null,
      resumeOf: null,
      resumeAt: null,
    } as const;
    expect((await store.change(1, [late], 9_001)).size).toBe(0);
  });

  it("leaves a record that is processed alone", async () => {
    await insert("busy");
    await store.tell([telling("busy", 1)]);
    const change = {
      uuid: "busy",
      runId: "run-busy",
      newRunId: "x",
      status: 0,
      queue: "held",
      dueAt: null,
      resumeOf: null,
      resumeAt: null,
    } as const;
    expect((await store.change(1, [change], 1)).size).toBe(0);
    expect(await store.remove(1, "busy", "run-busy")).toBe(false);
  });
});

describe("what is due", () => {
  it("is of running flows, past its time, and not just changed", async () => {
    await env.DB.prepare("DELETE FROM records").run();
    const target = Number(
      (await env.DB.prepare("SELECT id FROM flows WHERE name = 'target'").first<{ id: number }>())?.id,
    );
    await insert("now", { at: 1_000 });
    await insert("later", { at: 1_000, dueAt: 50_000 });
    await insert("fresh", { at: 9_500 });
    await insert("paused", { at: 1_000, flowId: target });
    await admin("PATCH", "/projects/records/flows/target", { status: "paused" });
    await env.DB.prepare("UPDATE flows SET status = 'paused' WHERE id = ?").bind(target).run();
    const due = await store.due(1, 10_000, 8_000, 10);
    expect(due.map(({ uuid }) => uuid)).toEqual(["now"]);
    expect(await store.nextDue(1)).toEqual({ due: 1_000, blocked: true });
    await env.DB.prepare("UPDATE flows SET status = 'running' WHERE id = ?").bind(target).run();
    expect((await store.due(1, 10_000, 8_000, 10)).map(({ uuid }) => uuid).sort()).toEqual(["now", "paused"]);
    expect((await store.nextDue(1)).blocked).toBe(false);
  });

  it("refuses new records of an inactive flow, one or many", async () => {
    await env.DB.prepare("UPDATE flows SET status = 'inactive' WHERE id = ?").bind(flowId).run();
    expect(await insert("inactive")).toEqual({ kind: "inactive" });
    expect(await store.rows(1, ["inactive"])).toEqual([]);
    await env.DB.prepare("UPDATE flows SET status = 'running' WHERE id = ?").bind(flowId).run();
  });
});

describe("every search", () => {
  it.each<[string, Parameters<D1Records["search"]>[1], RegExp]>([
    ["nothing", {}, /records_by_time/],
    ["uuid", { uuid: "a" }, /sqlite_autoindex_records|uuid=\?/],
    ["flow", { flowId: 1 }, /records_by_flow /],
    ["status", { status: 3 }, /records_by_status/],
    ["flow and status", { flowId: 1, status: 3 }, /records_by_flow_status/],
    [
      "mapped field",
      { field: { name: "f", value: "1" } },
      /PRIMARY KEY \(environment_id=\? AND field=\? AND value=\?/,
    ],
    ["creation", { date: { of: "created", from: 1, to: 2 } }, /records_by_time .*created_at/],
    ["start", { date: { of: "started", from: 1, to: 2 } }, /records_by_start .*started_at/],
    ["last run", { date: { of: "lastRun", from: 1, to: 2 } }, /records_by_last_run .*last_run_at/],
  ])("by %s reads its index, in order", async (_what, filter, plan) => {
    const { searchStatements } = await import("../../src/adapters/d1/records/search");
    const asked: string[] = [];
    const explaining = {
      prepare: (sql: string) => {
        asked.push(sql);
        return env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`);
      },
    } as unknown as D1Database;
    const { page } = searchStatements(explaining, 1, filter, { limit: 10, offset: 0, after: undefined });
    const { results } = await page.all<{ detail: string }>();
    const details = results.map(({ detail }) => detail).join("\n");
    expect(details).toMatch(plan);
    expect(details).not.toMatch(/SCAN r\b|SCAN v\b/);
    if (filter.uuid === undefined) expect(details).not.toContain("TEMP B-TREE");
  });
});
