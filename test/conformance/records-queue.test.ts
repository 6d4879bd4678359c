import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { applyFlows, caller, envelope, FLOWS } from "../support/records";
import { accessToken, keyHeaders, type V1Credentials, v1, v1Credentials } from "../support/v1";
import { admin } from "../support/worker";

let credentials: V1Credentials;
let client: ReturnType<typeof caller>;
let flows: Map<string, string>;
const LATER = { "x-executiontime": "2090-01-01T00:00:00Z" };

beforeAll(async () => {
  credentials = await v1Credentials("queue");
  client = caller(credentials);
  flows = await applyFlows();
});

interface Acted {
  records: { uuid: string; queue_status?: string; queue_status_key?: string; error?: string }[];
  total: number;
}

function act(action: string, uuids: string | string[], status = 200) {
  return envelope<Acted>(
    typeof uuids === "string"
      ? client.call("PUT", "/record/changestatus", { "x-queue-status": action, "x-queue-uuids": uuids })
      : client.call("PUT", "/record/changestatus", { "x-queue-status": action }, uuids),
    status,
  );
}

async function stateOf(uuid: string): Promise<[string, string]> {
  const [found] = (await client.search({ "x-uuid": uuid })).records;
  return [found?.flow_status as string, found?.flow_status_name as string];
}

describe("queue actions", () => {
  it("pause, resume, execute and delete what waits", async () => {
    const uuid = await client.insert("work", { amount: 1 }, LATER);
    expect(await act("pause-queue", uuid)).toMatchObject({
      id: "ok",
      code: 200,
      resource: { records: [{ uuid, queue_status: "0", queue_status_key: "Paused" }], total: 1 },
      message: "1 datarecords paused in the queue",
      error: null,
    });
    expect(await stateOf(uuid)).toEqual(["0", "Paused"]);
    expect((await act("resume-queue", uuid)).resource.records[0]).toMatchObject({
      queue_status: "4",
      queue_status_key: "Scheduled",
    });
    expect((await act("delete-from-queue", [uuid])).resource.records[0]?.queue_status_key).toBe(
      "Not in queue",
    );
    const [removed] = (await client.search({ "x-uuid": uuid })).records;
    expect(removed).toMatchObject({ queue_status: "", date_next_run: "", num_runs: "0" });
    expect((await client.read(uuid)).info.status).toBe("Not running");
    await act("pause-queue", uuid, 409);
    expect((await act("execute-queue", uuid)).resource.records[0]?.queue_status_key).toBe("New");
    await client.until(uuid, "2");
    await act("execute-queue", uuid, 409);
  });

  it("take many uuids: separated by commas, as a list in a header, in the body as JSON or XML", async () => {
    const insert = () => client.insert("work", { amount: 1 }, LATER);
    const two = [await insert(), await insert()];
    expect((await act("pause-queue", two.join(", "))).resource.total).toBe(2);
    expect((await act("resume-queue", JSON.stringify(two))).resource.total).toBe(2);
    expect((await act("pause-queue", two)).resource.total).toBe(2);
    const xml = `<request><item>${two[0]}</item><item>${two[1]}</item></request>`;
    const answer = await client.call(
      "PUT",
      "/record/changestatus",
      { "x-queue-status": "resume-queue", "content-type": "application/xml", accept: "application/json" },
      xml,
    );
    expect((await envelope<Acted>(answer, 200)).resource.total).toBe(2);
    const some = await act("pause-queue", [...two, "none-such"]);
    expect(some.resource.total).toBe(2);
    expect(some.resource.records[2]).toEqual({ uuid: "none-such", error: "there is no such record" });
    expect(some.message).toBe("2 datarecords paused in the queue, 1 left as they were");
  });

  it("come in the URL and with a token, too", async () => {
    const uuid = await client.insert("work", { amount: 1 }, LATER);
    const { access } = await accessToken(credentials);
    const query = `?api_key=${credentials.apiKey}&app_key=${credentials.appKey}&queue_status=pause-queue&queue_uuids=${uuid}`;
    expect((await v1("PUT", `/record/changestatus${query}`)).status).toBe(200);
    const bearer = {
      authorization: `Bearer ${access}`,
      "x-queue-status": "resume-queue",
      "x-queue-uuids": uuid,
    };
    expect((await v1("PUT", "/record/changestatus", bearer)).status).toBe(200);
  });

  it.each<[string, Record<string, string>, unknown, number]>([
    ["an unknown action", { "x-queue-status": "explode", "x-queue-uuids": "a" }, undefined, 400],
    ["no action", { "x-queue-uuids": "a" }, undefined, 400],
    ["no uuids", { "x-queue-status": "pause-queue" }, undefined, 400],
    ["uuids that are none", { "x-queue-status": "pause-queue" }, [1, 2], 400],
    [
      "too many uuids",
      { "x-queue-status": "pause-queue" },
      Array.from({ length: 1_001 }, (_, n) => `u${n}`),
      413,
    ],
    ["unknown uuids", { "x-queue-status": "pause-queue" }, ["nobody"], 404],
  ])("refuse %s", async (_what, headers, body, status) => {
    await envelope(client.call("PUT", "/record/changestatus", headers, body), status);
  });

  it("a paused record is not executed when its time comes; a resumed one is, once", async () => {
    const soon = { "x-executiontime": new Date(Date.now() + 700).toISOString() };
    const uuid = await client.insert("work", { amount: 1 }, soon);
    await act("pause-queue", uuid);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await stateOf(uuid)).toEqual(["0", "Paused"]);
    await act("resume-queue", uuid);
    expect((await client.until(uuid, "2")).num_runs).toBe("1");
  });

  it("people say that they have seen an error, and still go on from it", async () => {
    const uuid = await client.insert("failing", { fail: true });
    await client.until(uuid, "3");
    expect((await act("mark-reviewed", uuid)).resource.records[0]).toMatchObject({
      queue_status: "5",
      queue_status_key: "Reviewed",
    });
    expect((await act("mark-errors-handled", uuid)).resource.records[0]?.queue_status).toBe("6");
    expect((await client.search({ "x-uuid": uuid, "x-datarecord-status": "6" })).total).toBe(1);
    await client.call("PUT", "/record", { "x-uuid": uuid }, { fail: false });
    await act("resume-and-continue", uuid);
    await client.until(uuid, "2");
  });

  it("resume-and-continue runs no finished step again; execute-queue runs all", async () => {
    const uuid = await client.insert("failing", { fail: true });
    await client.until(uuid, "3");
    const steps = async () =>
      (await client.read(uuid)).flow_objects_info.map(({ name, status, date_finished }) => [
        name,
        status,
        date_finished,
      ]);
    const first = (await steps())[0];
    await act("resume-and-continue", uuid);
    await client.until(uuid, "3");
    expect((await client.search({ "x-uuid": uuid })).records[0]?.num_runs).toBe("2");
    expect((await steps())[0]).toEqual(first);
    await act("resume-and-continue", await client.insert("work", { amount: 1 }, LATER), 409);
    await client.call("PUT", "/record", { "x-uuid": uuid }, { fail: false });
    await act("execute-queue", uuid);
    await client.until(uuid, "2");
    expect((await client.search({ "x-uuid": uuid })).records[0]?.num_runs).toBe("3");
  });

  it("ten at the same moment execute a record once", async () => {
    const uuid = await client.insert("work", { amount: 1 }, LATER);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        client.call("PUT", "/record/changestatus", {
          "x-queue-status": "execute-queue",
          "x-queue-uuids": uuid,
        }),
      ),
    );
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
    expect((await client.until(uuid, "2")).num_runs).toBe("1");
    const { results } = await env.DB.prepare("SELECT run_id FROM records WHERE uuid = ?").bind(uuid).all();
    expect(results).toHaveLength(1);
  });
});

describe("move to flow", () => {
  it("puts records into another flow's queue, from its beginning", async () => {
    const uuids = [
      await client.insert("failing", { fail: true }),
      await client.insert("work", { amount: 2 }, LATER),
    ];
    await client.until(uuids[0] as string, "3");
    const answer = await envelope<Acted>(
      client.call("PUT", "/record/movetoflow", { "x-movetoflow-flow": "target" }, uuids),
      200,
    );
    expect(answer).toMatchObject({
      id: "ok",
      code: 200,
      resource: {
        records: uuids.map((uuid) => ({
          uuid,
          message: "Data Record is moved to a new flow successfully and it is included in the queue.",
          movetoflow: "target",
        })),
        total: 2,
      },
      message: "2 flows moved to the new one",
      error: null,
    });
    for (const uuid of uuids) {
      expect(await client.until(uuid, "2")).toMatchObject({
        flow_name: "target",
        flow_id: flows.get("target"),
      });
    }
    const byId = { "x-movetoflow-flow": flows.get("work") as string };
    expect((await client.call("PUT", "/record/movetoflow", byId, [uuids[1]])).status).toBe(200);
    expect(await client.until(uuids[1] as string, "2")).toMatchObject({ flow_name: "work", num_runs: "2" });
  });

  it.each<[string, Record<string, string>, unknown, number]>([
    ["no flow", {}, ["a"], 400],
    ["an unknown flow", { "x-movetoflow-flow": "nobody" }, ["a"], 404],
    ["no records", { "x-movetoflow-flow": "target" }, [], 400],
    ["unknown records", { "x-movetoflow-flow": "target" }, ["nobody"], 404],
  ])("refuses %s", async (_what, headers, body, status) => {
    await envelope(client.call("PUT", "/record/movetoflow", headers, body), status);
  });
});

describe("the flow's status", () => {
  const set = (status: string, more: Record<string, string> = {}) =>
    client.call("PUT", "/changeflowstatus", {
      "x-flow-id": flows.get("work") as string,
      "x-status": status,
      ...more,
    });

  it("paused: new work waits; running: it goes on", async () => {
    expect(await envelope(set("paused"), 200)).toMatchObject({
      id: "ok",
      resource: "",
      message: "Flow diagram has been stopped successfully",
    });
    const waiting = await client.insert("work", { amount: 1 });
    const scheduled = await client.insert("work", { amount: 1 }, LATER);
    await act("execute-queue", scheduled);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await stateOf(waiting)).toEqual(["0", "New"]);
    expect(await stateOf(scheduled)).toEqual(["0", "New"]);
    expect((await envelope(set("running"), 200)).message).toBe("Flow diagram has been started successfully");
    await client.until(waiting, "2");
    await client.until(scheduled, "2");
  });

  it("inactive: new work is refused, and what waits stays", async () => {
    const waiting = await client.insert("work", { amount: 1 }, LATER);
    expect((await envelope(set("inactive"), 200)).message).toBe(
      "Flow diagram has been deactivated successfully",
    );
    const refused = await client.call("POST", "/record", { "x-flow": "work" }, { amount: 1 });
    expect(refused.headers.get("retry-after")).toBe("60");
    expect((await envelope(refused, 409)).error?.message).toContain("inactive");
    expect(
      (await client.call("PUT", "/record/movetoflow", { "x-movetoflow-flow": "work" }, [waiting])).status,
    ).toBe(409);
    await act("execute-queue", waiting);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await stateOf(waiting)).toEqual(["0", "New"]);
    await envelope(set("running"), 200);
    await client.until(waiting, "2");
  });

  it("public publishes the draft", async () => {
    const draft = { ...FLOWS.find(({ flow }) => flow === "target"), description: "the next version" };
    const others = FLOWS.filter(({ flow }) => flow !== "target");
    const stored = await admin("PUT", "/projects/records?publish=false", { flows: [...others, draft] });
    expect(stored.status).toBe(200);
    const before = await client.until(await client.insert("target", {}), "2");
    expect(before.flow_version).toBe("1");
    const answer = await client.call("PUT", "/changeflowstatus", {
      "x-flow-id": "target",
      "x-status": "public",
    });
    expect((await envelope(answer, 200)).message).toBe("Flow diagram has been published successfully");
    const after = await client.until(await client.insert("target", {}), "2");
    expect(after.flow_version).toBe("2");
  });

  it("in every form of credentials, with the payload that the seed sends", async () => {
    const id = flows.get("cheap") as string;
    const { access } = await accessToken(credentials);
    const calls: [Record<string, string>, string, string | undefined][] = [
      [
        {
          authorization: `Bearer ${access}`,
          "x-scopes": "flowdiagram",
          "x-flow-id": id,
          "x-status": "paused",
        },
        "",
        undefined,
      ],
      [
        { ...keyHeaders(credentials), "x-scopes": "flowdiagram", "x-flow-id": id, "x-status": "running" },
        "",
        "{\n    {{payload}}}\n}",
      ],
      [
        {},
        `?api_key=${credentials.apiKey}&app_key=${credentials.appKey}&scopes=flowdiagram&flow_id=${id}&status=paused`,
        undefined,
      ],
      [{ ...keyHeaders(credentials), "x-flow-id": "cheap", "x-status": "running" }, "", undefined],
    ];
    for (const [headers, query, body] of calls) {
      expect((await v1("PUT", `/changeflowstatus${query}`, headers, body)).status).toBe(200);
    }
    const { results } = await env.DB.prepare("SELECT status FROM flows WHERE id = ?").bind(Number(id)).all();
    expect(results).toEqual([{ status: "running" }]);
  });

  it.each<[Record<string, string>, number]>([
    [{ "x-flow-id": "work" }, 400],
    [{ "x-status": "paused" }, 400],
    [{ "x-flow-id": "work", "x-status": "stopped" }, 400],
    [{ "x-flow-id": "999999", "x-status": "paused" }, 404],
  ])("refuses %j", async (headers, status) => {
    await envelope(client.call("PUT", "/changeflowstatus", headers), status);
  });
});
