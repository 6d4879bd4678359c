import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DurableExclusionGroups } from "../../src/adapters/durable/exclusion-client";
import type { OnBusy } from "../../src/domain/exclusion-group";
import { ExclusionGroup } from "../../src/durable/exclusion-group";
import { acquireRequest } from "../support/acquire-request";

/** What callers of one group cost its object, and what each of them is told. */

let count = 0;
function newGroup() {
  count += 1;
  return { environmentId: 1, name: `client-${count}` };
}

const groups = () =>
  new DurableExclusionGroups({ namespace: env.EXCLUSION_GROUP, background: () => {}, together: true });

const request = (runId: string, onBusy: OnBusy = "reject", waitMs = 0) =>
  acquireRequest(runId, onBusy, { maxQueue: 1_000, waitMs, keepMs: 5_000 });

const names = (prefix: string) => Array.from({ length: 200 }, (_, index) => `${prefix}-${index}`);
const asked = () => [
  vi.spyOn(ExclusionGroup.prototype, "acquire"),
  vi.spyOn(ExclusionGroup.prototype, "acquireAll"),
];

afterEach(() => vi.restoreAllMocks());

describe("200 callers at once", () => {
  it("of a group that is held are two calls, and each is told of the holder", async () => {
    const client = groups();
    const group = newGroup();
    const held = await client.acquire(group, request("holder"));
    const [alone, together] = asked();
    const answers = await Promise.all(names("caller").map((name) => client.acquire(group, request(name))));
    expect([alone?.mock.calls.length, together?.mock.calls.length]).toEqual([1, 1]);
    const holder = {
      runId: "holder",
      project: "shop",
      flow: "report",
      since: held.kind === "granted" ? held.since : Number.NaN,
    };
    for (const answer of answers)
      expect(answer).toEqual({ kind: "refused", holder, place: 1, retryAfter: 1 });
  });

  it("of a free group are let in once, the first of them", async () => {
    const client = groups();
    const group = newGroup();
    const answers = await Promise.all(names("caller").map((name) => client.acquire(group, request(name))));
    expect(answers.map(({ kind }) => kind)).toEqual([
      "granted",
      ...Array.from({ length: 199 }, () => "refused"),
    ]);
    expect(answers[1]).toMatchObject({ holder: { runId: "caller-0" } });
  });

  it("get their places in the order in which they asked", async () => {
    const client = groups();
    const group = newGroup();
    await client.acquire(group, request("holder"));
    const answers = await Promise.all(
      names("caller").map((name) => client.acquire(group, request(name, "queue"))),
    );
    expect(answers.map((answer) => (answer.kind === "queued" ? answer.place : undefined))).toEqual(
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
    await client.release(group, "holder");
    const { permits, queue } = await env.EXCLUSION_GROUP.getByName(`e1/group/${group.name}`).inspect();
    expect(permits.map(({ runId }) => runId)).toEqual(["caller-0"]);
    expect(queue.map(({ runId }) => runId)).toEqual(names("caller").slice(1));
  });

  it("are undecided, every one, when the object throws; nobody is refused", async () => {
    const client = groups();
    const group = newGroup();
    vi.spyOn(ExclusionGroup.prototype, "acquireAll").mockRejectedValue(new Error("moved"));
    const answers = await Promise.all(names("caller").map((name) => client.acquire(group, request(name))));
    expect(answers.map(({ kind }) => kind)).toEqual([
      "granted",
      ...Array.from({ length: 199 }, () => "undecided"),
    ]);
  });

  it("are asked for once more when the object throws once", async () => {
    const client = groups();
    const group = newGroup();
    const acquireAll = ExclusionGroup.prototype.acquireAll;
    vi.spyOn(ExclusionGroup.prototype, "acquireAll").mockImplementationOnce(async function (
      this: ExclusionGroup,
      requests,
    ) {
      await acquireAll.call(this, requests);
      throw new Error("the answers were lost");
    });
    const answers = await Promise.all(names("caller").map((name) => client.acquire(group, request(name))));
    expect(answers.filter(({ kind }) => kind === "granted")).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === "refused")).toHaveLength(199);
  });
});

describe("one caller", () => {
  it("who hangs up before the question left never goes in", async () => {
    const client = groups();
    const group = newGroup();
    const [first, gone, next] = ["first", "gone", "next"].map((name, index) => {
      const caller = new AbortController();
      const answer = client.acquire(group, request(name, "queue"), caller.signal);
      if (index === 1) caller.abort();
      return answer;
    });
    expect(await first).toMatchObject({ kind: "granted" });
    expect(await gone).toMatchObject({ kind: "undecided" });
    expect(await next).toMatchObject({ kind: "queued", place: 1 });
  });

  it("who waits for a turn holds nobody up", async () => {
    const client = groups();
    const group = newGroup();
    await client.acquire(group, request("holder"));
    const waits = client.acquire(group, request("waits", "queue", 5_000));
    expect(await client.acquire(group, request("asks"))).toMatchObject({ kind: "refused" });
    await client.release(group, "holder");
    expect(await waits).toMatchObject({ kind: "granted" });
  });
});
