import { beforeAll, describe, expect, test, vi } from "vitest";
import { admin, apply, post, returning } from "../support/worker";

/** The run list, with runs that have not ended. */

beforeAll(async () => {
  const delayed = (flow: string, ms: string) => ({
    flow,
    endpoint: { anonymous: true, mode: "async" },
    outputs: { out: "any" },
    start: "hold",
    nodes: { hold: { type: "delay", for: ms, next: "out" }, out: { type: "output", to: "out" } },
  });
  await apply("listed", [delayed("slow", "1h"), delayed("quick", "1ms"), returning("now", 1)]);
});

interface Entry {
  id: string;
  flow: string;
  status: string;
  endedAt: string | null;
}

async function list(query: string): Promise<{ runs: Entry[]; next: string | null }> {
  const response = await admin("GET", `/runs?project=listed&${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as { runs: Entry[]; next: string | null };
}

async function start(flow: string): Promise<string> {
  return ((await (await post(`listed/${flow}/trigger`, {})).json()) as { processId: string }).processId;
}

describe("the run list", () => {
  test("has a durable run from its acceptance on, once, until and after its end", async () => {
    const id = await start("quick");
    // Whenever it is looked at, it is there exactly once.
    let status = "";
    await vi.waitFor(async () => {
      const { runs } = await list("flow=quick");
      expect(runs.map((run) => run.id)).toEqual([id]);
      status = runs[0]?.status ?? "";
      if (status !== "Success") throw new Error(status);
    }, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await list("flow=quick")).runs).toMatchObject([
      { id, status: "Success", endedAt: expect.any(String) },
    ]);
  });

  test("pages through ended and waiting runs together, newest first, none twice or left out", async () => {
    const ids: string[] = [];
    for (const flow of ["slow", "now", "slow", "now", "slow", "slow", "now"]) {
      ids.push(await start(flow));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const wanted = [...ids].sort().reverse();
    await vi.waitFor(async () => {
      const { runs } = await list("limit=100");
      expect(runs.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(wanted);
    }, 5_000);
    const paged: string[] = [];
    for (let cursor = ""; ; ) {
      const page = await list(`limit=2${cursor}`);
      paged.push(...page.runs.map(({ id }) => id));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    expect(paged.filter((id) => ids.includes(id))).toEqual(wanted);
    expect(new Set(paged).size).toBe(paged.length);
  });

  test("filters them like others", async () => {
    const waiting = await list("status=Waiting&limit=100");
    expect(waiting.runs.length).toBeGreaterThanOrEqual(4);
    expect(new Set(waiting.runs.map(({ flow, status, endedAt }) => `${flow} ${status} ${endedAt}`))).toEqual(
      new Set(["slow Waiting null"]),
    );
    expect((await list("status=Waiting&flow=quick")).runs).toEqual([]);
    expect((await list("status=Success&flow=slow")).runs).toEqual([]);
    expect((await list("status=Waiting&trigger=schedule")).runs).toEqual([]);
    const [first] = waiting.runs;
    await admin("DELETE", `/runs/${first?.id}`);
    expect((await list("status=Cancelled")).runs).toMatchObject([{ id: first?.id }]);
    expect((await list("status=Waiting&limit=100")).runs).toHaveLength(waiting.runs.length - 1);
  });
});
