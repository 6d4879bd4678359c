import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { applyFlows, caller, envelope, type ReadRecord } from "../support/records";
import { type V1Credentials, v1Credentials } from "../support/v1";

let credentials: V1Credentials;
let client: ReturnType<typeof caller>;
let flows: Map<string, string>;

const DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

beforeAll(async () => {
  credentials = await v1Credentials("records");
  client = caller(credentials);
  flows = await applyFlows();
});

/** The sweeper looks. */
async function sweep(): Promise<void> {
  await runDurableObjectAlarm(env.RECORD_SWEEPER.getByName("e1/records"));
}

describe("a record's way", () => {
  it("is stored, found at once, and executed", async () => {
    const uuid = await client.insert("work", { amount: 21 });
    const { records, total } = await client.search({ "x-uuid": uuid });
    expect(total).toBe(1);
    expect(records[0]).toMatchObject({
      uuid,
      flow_id: flows.get("work"),
      flow_name: "work",
      flow_version: "1",
    });
    const found = await client.until(uuid, "2");
    expect(found).toMatchObject({
      flow_status_name: "Finished",
      num_runs: "1",
      queue_status: "",
      date_next_run: "",
      current_step: { type: "end", text: "end" },
    });
    expect(found.date_started).toMatch(DATE);
    expect(found.date_last_run).toMatch(DATE);
    const read = await client.read(uuid);
    expect(read.data_record).toEqual({ amount: 21 });
    expect(read.info).toMatchObject({ uuid, customer_id: "1", status: "Finished" });
    expect(read.flow_objects_info.map(({ name, type, status }) => [name, type, status])).toEqual([
      ["total", "calculate", "finished"],
      ["done", "output", "finished"],
    ]);
    for (const step of read.flow_objects_info) {
      expect(step.date_started).toMatch(DATE);
      expect(step.date_finished >= step.date_started).toBe(true);
    }
  });

  it("tells where it failed, and goes on at the step that failed", async () => {
    const uuid = await client.insert("failing", { fail: true });
    const failed = await client.until(uuid, "3");
    expect(failed).toMatchObject({
      flow_status_name: "Finished with errors",
      current_step: { type: "calculate", text: "check" },
    });
    const before = await client.read(uuid);
    expect(before.info.message).toBe("the record says so");
    expect(before.flow_objects_info.map(({ name, status }) => [name, status])).toEqual([
      ["first", "finished"],
      ["check", "error"],
    ]);
    // What was wrong with it is put right.
    await envelope(client.call("PUT", "/record", { "x-uuid": uuid }, { fail: false }), 200);
    const answer = await envelope<{ records: unknown[]; total: number }>(
      client.call("PUT", "/record/changestatus", {
        "x-queue-status": "resume-and-continue",
        "x-queue-uuids": uuid,
      }),
      200,
    );
    expect(answer).toMatchObject({
      id: "ok",
      code: 200,
      resource: { records: [{ uuid, queue_status: "0", queue_status_key: "New" }], total: 1 },
      message: "1 datarecords resumed from error status",
      error: null,
    });
    const finished = await client.until(uuid, "2");
    expect(finished.num_runs).toBe("2");
    const after = await client.read(uuid);
    // The first step was not run again: it is the one of the first run.
    expect(after.flow_objects_info[0]).toMatchObject({ name: "first", status: "finished" });
    const { results } = await env.DB.prepare("SELECT id FROM runs WHERE flow = 'failing' ORDER BY id").all();
    expect(results).toHaveLength(2);
  });

  it("waits for its time when it is scheduled, and begins when the sweeper finds it due", async () => {
    const soon = new Date(Date.now() + 1_500).toISOString();
    const uuid = await client.insert("work", { amount: 1 }, { "x-executiontime": soon });
    const [found] = (await client.search({ "x-uuid": uuid })).records;
    expect(found).toMatchObject({ flow_status: "4", flow_status_name: "Scheduled", queue_status: "4" });
    expect(found?.date_next_run).toMatch(DATE);
    await client.until(uuid, "2");
  });

  it("begins although nobody started it after it was stored", async () => {
    const uuid = await client.insert("work", { amount: 1 }, { "x-executiontime": "2099-01-01T00:00:00Z" });
    // As if the request had died right after the row was written.
    await env.DB.prepare("UPDATE records SET due_at = ?1, modified_at = ?1, status = 0 WHERE uuid = ?2")
      .bind(Date.now() - 60_000, uuid)
      .run();
    await sweep();
    await client.until(uuid, "2");
  });

  it("shows where it waits while it is processed, and is in use meanwhile", async () => {
    const uuid = await client.insert("slow", { a: 1 });
    const found = await client.until(uuid, "1");
    expect(found).toMatchObject({
      flow_status_name: "Processing",
      current_step: { type: "delay", text: "wait" },
    });
    expect(found.date_next_run).toMatch(DATE);
    const read: ReadRecord = await client.read(uuid);
    expect(read.flow_objects_info).toMatchObject([{ name: "wait", status: "waiting", date_finished: "" }]);
    expect((await client.call("DELETE", "/record", { "x-uuid": uuid })).status).toBe(403);
    expect((await client.call("PUT", "/record", { "x-uuid": uuid }, { a: 2 })).status).toBe(403);
    expect(
      (
        await client.call("PUT", "/record/changestatus", {
          "x-queue-status": "pause-queue",
          "x-queue-uuids": uuid,
        })
      ).status,
    ).toBe(409);
    expect(
      (await client.call("PUT", "/record/movetoflow", { "x-movetoflow-flow": "target" }, [uuid])).status,
    ).toBe(409);
  });
});
