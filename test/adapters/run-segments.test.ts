import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EnvironmentUse } from "../../src/adapters/d1/environment-use";
import { contentsOf } from "../../src/adapters/d1/run-batch";
import { RunGathering } from "../../src/adapters/d1/run-gathering";
import { D1RunLog } from "../../src/adapters/d1/run-log";
import { SEGMENT_RUNS, SEGMENT_SPAN_MS, segmentsOf } from "../../src/adapters/d1/run-segment";
import { newLightRunId, timeOf } from "../../src/domain/process-id";
import type { RunRecord } from "../../src/domain/run";
import type { RunFilter } from "../../src/operations/ports";
import { countingBindings } from "../support/counting-bindings";

/** Usual runs lie many in a row; whoever reads the history sees them as if each had a row of its own. */

const NOW = Date.parse("2026-11-22T12:00:00Z");
const DAY_MS = 86_400_000;
const log = new D1RunLog(env.DB);

let environments = 1_000;
/** An environment that no other test has. */
const newEnvironment = (): number => {
  environments += 1;
  return environments;
};

function run(
  environmentId: number,
  at: number,
  more: Partial<RunRecord> & { waited?: number } = {},
): RunRecord {
  const { waited = 0, ...fields } = more;
  const startedAt = at + waited;
  return {
    environmentId,
    id: newLightRunId(at),
    projectId: 1,
    project: "p",
    flowId: 1,
    flow: "f",
    flowVersion: 1,
    trigger: "action",
    user: "system",
    startedAt,
    endedAt: startedAt + 3,
    status: "Success",
    message: null,
    messages: [],
    ...fields,
  };
}

/** Texts of runs that an isolate gathered and sent together. */
function textsOf(runs: readonly RunRecord[]): string[] {
  const gathering = new RunGathering();
  for (const each of runs) gathering.add(each);
  expect(gathering.weight).toBeGreaterThanOrEqual(runs.length);
  return gathering.texts(40_000);
}

const store = (...batches: (readonly RunRecord[])[]) => log.writeEncoded(batches.flatMap(textsOf));

const newestFirst = (runs: readonly RunRecord[]) =>
  [...runs].sort((left, right) => (left.id < right.id ? 1 : -1));

const summary = ({ messages, ...rest }: RunRecord) => ({ ...rest, messageCount: messages.length });

/** All that a list has, page by page. */
async function pages(environmentId: number, filter: RunFilter, size: number) {
  const listed = [];
  for (let after: string | undefined; ; ) {
    const page = await log.list(environmentId, filter, size, after);
    listed.push(...page);
    if (page.length < size) return listed;
    after = page.at(-1)?.id;
  }
}

async function rows(table: string, environmentId: number): Promise<number> {
  const row = await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE environment_id = ?1`)
    .bind(environmentId)
    .first<{ n: number }>();
  return row?.n ?? 0;
}

describe("gathered runs", () => {
  const segments = (...ids: string[]) =>
    segmentsOf({
      shared: run(1, NOW),
      ids,
      startedAt: ids.map((id) => timeOf(id)),
      lastedMs: ids.map(() => 1),
    }).map(({ firstId, lastId, count }) => [firstId, lastId, count]);

  test("make one segment up to its span, and another from there on", () => {
    const first = newLightRunId(NOW);
    const last = newLightRunId(NOW + SEGMENT_SPAN_MS - 1);
    const next = newLightRunId(NOW + SEGMENT_SPAN_MS);
    expect(segments(first, last)).toEqual([[first, last, 2]]);
    expect(segments(last, first)).toEqual([[first, last, 2]]);
    expect(segments(first, next)).toEqual([
      [first, first, 1],
      [next, next, 1],
    ]);
    expect(segments(next, last, first)).toEqual([
      [first, last, 2],
      [next, next, 1],
    ]);
    expect(segments()).toEqual([]);
  });

  test("make one segment of as many as one holds, and another of those beyond", () => {
    const ids = Array.from({ length: SEGMENT_RUNS + 1 }, () => newLightRunId(NOW)).sort();
    expect(segments(...ids.slice(1))).toEqual([[ids[1], ids.at(-1), SEGMENT_RUNS]]);
    expect(segments(...ids)).toEqual([
      [ids[0], ids.at(-2), SEGMENT_RUNS],
      [ids.at(-1), ids.at(-1), 1],
    ]);
  });

  test("are apart by version, trigger, user and environment, and in one text all the same", () => {
    const twice = (more: Partial<RunRecord>, environment = 1) => [
      run(environment, NOW, more),
      run(environment, NOW, more),
    ];
    const kinds = [
      ...twice({}),
      ...twice({ flowVersion: 2 }),
      ...twice({ trigger: "v1" }),
      ...twice({ user: "ann" }),
      ...twice({ flowId: 2, flow: "g" }),
      ...twice({}, 2),
    ];
    // In turns, so that no run is like the one before.
    const texts = textsOf([0, 1].flatMap((turn) => kinds.filter((_, index) => index % 2 === turn)));
    expect(texts).toHaveLength(1);
    const { segments, runs } = JSON.parse(texts[0] as string) as { segments: unknown[][]; runs: unknown[] };
    expect(segments.map((segment) => segment[10])).toEqual([2, 2, 2, 2, 2, 2]);
    expect(runs).toEqual([]);
  });

  test("tell which lists their text has anything in", () => {
    const [usual, failed] = [
      run(1, NOW),
      run(1, NOW, { status: "Fail", message: '"runs":[],"messages":[]}' }),
    ];
    const spoke = run(1, NOW, { messages: [{ at: NOW, level: "info", text: "hi" }] });
    const contents = (...runs: RunRecord[]) => textsOf(runs).map(contentsOf);
    expect(contents(usual, run(1, NOW))).toEqual([{ segments: true, runs: false, messages: false }]);
    // One alone is no segment.
    expect(contents(usual)).toEqual([{ segments: false, runs: true, messages: false }]);
    expect(contents(failed)).toEqual([{ segments: false, runs: true, messages: false }]);
    expect(contents(usual, usual, spoke)).toEqual([{ segments: true, runs: true, messages: true }]);
  });

  test("four hundred take less than 50 characters each, in one text", () => {
    const [text, ...more] = textsOf(Array.from({ length: 400 }, (_, index) => run(1, NOW + index)));
    expect(more).toEqual([]);
    expect((text as string).length / 400).toBeLessThan(50);
  });
});

describe("a history in segments", () => {
  test("gives every run back as it was, and no other", async () => {
    const environment = newEnvironment();
    const runs = [
      run(environment, NOW),
      run(environment, NOW + 1, { waited: 250, endedAt: NOW + 900 }),
      run(environment, NOW + 1, { status: "Fail", message: "no" }),
      run(environment, NOW + 2, { messages: [{ at: NOW, level: "info", text: "hi" }] }),
      run(environment, NOW + 3, { status: "Timeout" }),
      run(environment, NOW + 4, { status: "Running", endedAt: null }),
      run(environment, NOW + SEGMENT_SPAN_MS - 1),
      run(environment, NOW + SEGMENT_SPAN_MS + 5),
    ];
    await store(runs);
    expect([await rows("run_segments", environment), await rows("runs", environment)]).toEqual([1, 5]);
    for (const each of runs) expect(await log.find(environment, each.id)).toEqual(each);
    expect(await log.list(environment, {}, 100, undefined)).toEqual(newestFirst(runs).map(summary));
    for (const id of [newLightRunId(NOW), newLightRunId(NOW + 1), newLightRunId(0), "x", '",3],["', ""])
      expect(await log.find(environment, id), id).toBeUndefined();
    expect(await log.find(environment + 1, (runs[0] as RunRecord).id)).toBeUndefined();
    expect(await log.list(environment + 1, {}, 100, undefined)).toEqual([]);
  });

  test("names that are hard to write down come back too", async () => {
    const environment = newEnvironment();
    const hard = { project: 'p"],[', flow: "f\\ “é” \u2028 \u{1f600}", user: "'; --\n" };
    const runs = [run(environment, NOW, hard), run(environment, NOW, hard)];
    await store(runs);
    expect(await rows("run_segments", environment)).toBe(1);
    expect(await log.list(environment, hard, 10, undefined)).toEqual(newestFirst(runs).map(summary));
  });

  test("what is delivered twice is there once", async () => {
    const environment = newEnvironment();
    const runs = [
      run(environment, NOW),
      run(environment, NOW + 1),
      run(environment, NOW, { status: "Fail" }),
    ];
    const texts = textsOf(runs);
    await log.writeEncoded([...texts, ...texts]);
    await log.writeEncoded(texts);
    expect([await rows("run_segments", environment), await rows("runs", environment)]).toEqual([1, 1]);
    expect(await log.list(environment, {}, 10, undefined)).toEqual(newestFirst(runs).map(summary));
  });

  test("a segment that lacks something is refused, not left out", async () => {
    const [text] = textsOf([run(newEnvironment(), NOW), run(environments, NOW)]);
    const parsed = JSON.parse(text as string) as { segments: unknown[][] };
    (parsed.segments[0] as unknown[]).pop();
    await expect(log.writeEncoded([JSON.stringify(parsed)])).rejects.toThrow("NOT NULL");
  });

  test("texts of before there were segments are still taken", async () => {
    const environment = newEnvironment();
    const [one, two] = [run(environment, NOW), run(environment, NOW + 1)];
    const list = JSON.stringify([one, two].map(({ id, startedAt }) => [id, startedAt, 3]));
    const old = `{"runs":[[${environment},1,"p",1,"f",1,"action","system",${list}]],"messages":[]}`;
    await log.writeEncoded([old]);
    expect(await log.list(environment, {}, 10, undefined)).toEqual([two, one].map(summary));
  });

  test("a cursor after all times, and times past all that ids can tell, leave nothing out", async () => {
    const environment = newEnvironment();
    const runs = [run(environment, NOW), run(environment, NOW + 1)];
    await store(runs);
    const all = newestFirst(runs).map(summary);
    expect(await log.list(environment, {}, 10, `${"z".repeat(10)}${"f".repeat(32)}`)).toEqual(all);
    expect(await log.list(environment, { to: Date.parse("9999-12-31") }, 10, undefined)).toEqual(all);
    expect(await log.list(environment, { from: Date.parse("9999-12-31") }, 10, undefined)).toEqual([]);
  });
});

/** Runs of several isolates: each sends its own in batches, which arrive in any order, some twice. */
const histories = fc.array(
  fc.record({
    isolate: fc.nat(2),
    batch: fc.nat(5),
    at: fc.nat(3 * SEGMENT_SPAN_MS),
    flow: fc.nat(2),
    user: fc.constantFrom("system", "ann"),
    trigger: fc.constantFrom("action" as const, "webhook" as const),
    waited: fc.constantFrom(0, 0, 0, 40),
    lasted: fc.nat(500),
    status: fc.constantFrom(
      "Success" as const,
      "Success" as const,
      "Success" as const,
      "Success" as const,
      "Fail" as const,
    ),
    copies: fc.constantFrom(1, 1, 1, 2),
  }),
  { minLength: 1, maxLength: 120, size: "max" },
);
const FILTERS: RunFilter[] = [
  {},
  { flow: "f1" },
  { project: "p0" },
  { project: "p1", flow: "f1" },
  { status: "Success" },
  { status: "Fail" },
  { user: "ann" },
  { user: "system" },
  { trigger: "webhook" },
  { trigger: "action", user: "ann", flow: "f0" },
  { from: NOW + 1_500 },
  { to: NOW + SEGMENT_SPAN_MS + 1 },
  { from: NOW + 700, to: NOW + 4_200, flow: "f0" },
  { from: NOW + 2_000, to: NOW + 2_000 },
];

const matches =
  ({ from, to, ...filter }: RunFilter) =>
  (each: RunRecord): boolean =>
    (from === undefined || timeOf(each.id) >= from) &&
    (to === undefined || timeOf(each.id) < to) &&
    Object.entries(filter).every(([name, value]) => each[name as keyof RunRecord] === value);

test("pages of any size, by any filter, are those of a plain list of all runs", async () => {
  await fc.assert(
    fc.asyncProperty(
      histories,
      fc.shuffledSubarray(FILTERS, { minLength: 3, maxLength: 3 }),
      fc.constantFrom(1, 2, 7, 30, 200),
      async (history, filters, size) => {
        const environment = newEnvironment();
        const batches = new Map<string, { runs: RunRecord[]; copies: number }>();
        for (const { isolate, batch, at, flow, user, trigger, waited, lasted, status, copies } of history) {
          const startedAt = NOW + at + waited;
          const each = run(environment, NOW + at, {
            startedAt,
            endedAt: startedAt + lasted,
            flowId: flow,
            flow: `f${flow}`,
            projectId: flow % 2,
            project: `p${flow % 2}`,
            user,
            trigger,
            status,
          });
          const key = `${isolate} ${batch}`;
          const sent = batches.get(key) ?? { runs: [], copies };
          sent.runs.push(each);
          batches.set(key, sent);
        }
        const sent = [...batches.values()];
        await log.writeEncoded(
          sent.flatMap(({ runs, copies }) => {
            const texts = textsOf(runs);
            return copies === 1 ? texts : [...texts, ...texts];
          }),
        );
        const all = newestFirst(sent.flatMap(({ runs }) => runs));
        for (const filter of filters) {
          const expected = all.filter(matches(filter)).map(summary);
          expect(await pages(environment, filter, size)).toEqual(expected);
        }
        for (const each of [all[0], all[all.length >> 1], all.at(-1)])
          expect(await log.find(environment, each?.id ?? "")).toEqual(each);
      },
    ),
    // Smaller examples would take minutes to find, with a database behind each.
    { numRuns: 60, endOnFailure: true },
  );
}, 120_000);

describe("what a list asks of the database", () => {
  async function statements(environment: number, filter: RunFilter, limit: number, after?: string) {
    const { bindings, counts } = countingBindings(env);
    const listed = await new D1RunLog(bindings.DB).list(environment, filter, limit, after);
    return { listed, asked: counts.statements.length };
  }

  test("is two statements where a segment fills the page, and at most five where they are small and overlap", async () => {
    const large = newEnvironment();
    for (let second = 0; second < 3; second += 1) {
      const runs = Array.from({ length: 400 }, (_, index) => run(large, NOW + second * 1_000 + index));
      await store(runs);
    }
    const page = await statements(large, {}, 100);
    expect([page.listed.length, page.asked]).toEqual([100, 2]);
    const next = await statements(large, {}, 100, page.listed.at(-1)?.id);
    expect([next.listed.length, next.asked]).toEqual([100, 2]);
    expect((await statements(large, { status: "Fail" }, 100)).asked).toBe(1);

    const small = newEnvironment();
    for (let isolate = 0; isolate < 300; isolate += 1) {
      const runs = [run(small, NOW + isolate * 5), run(small, NOW + isolate * 5 + 1_000)];
      await store(runs);
    }
    const first = await statements(small, {}, 100);
    expect([first.listed.length, first.asked <= 5]).toEqual([100, true]);
    const later = await statements(small, {}, 100, first.listed.at(-1)?.id);
    expect([later.listed.length, later.asked <= 7]).toEqual([100, true]);
  }, 60_000);

  test("leaves segments unread that are far from the page", async () => {
    const environment = newEnvironment();
    for (let index = 0; index < 60; index += 1) {
      const at = NOW + index * 3 * SEGMENT_SPAN_MS;
      await store([run(environment, at), run(environment, at + 1)]);
    }
    const read: number[] = [];
    const counting = new Proxy(env.DB, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (name !== "batch") return typeof member === "function" ? (member.bind(target) as unknown) : member;
        return async (list: D1PreparedStatement[]) => {
          const results = await target.batch(list);
          read.push(...results.map(({ meta }) => meta.rows_read));
          return results;
        };
      },
    });
    const some = new D1RunLog(counting);
    const wanted = newLightRunId(NOW + 30 * 3 * SEGMENT_SPAN_MS);
    expect(await some.list(environment, {}, 1, wanted)).toHaveLength(1);
    expect(await some.find(environment, wanted)).toBeUndefined();
    for (const count of read) expect(count).toBeLessThan(10);
  });
});

describe("an environment whose runs lie in segments", () => {
  const use = new EnvironmentUse(env.DB);

  test("has the statistics that rows of their own would give", async () => {
    const [apart, together] = [newEnvironment(), newEnvironment()];
    const since = NOW - DAY_MS;
    const runsOf = (environment: number) => [
      // A segment of before the day, one that reaches into it, and one within.
      [run(environment, since - 5_000), run(environment, since - 4_999, { endedAt: since + 90_000 })],
      [
        run(environment, since - 1, { endedAt: since + 70_000 }),
        run(environment, since, { endedAt: since + 11 }),
        run(environment, since + 900, { endedAt: since + 1_100 }),
      ],
      [
        run(environment, NOW - 10, { trigger: "webhook", endedAt: NOW + 1_207 }),
        run(environment, NOW - 9, { trigger: "webhook" }),
        run(environment, NOW - 8, { trigger: "schedule" }),
        run(environment, NOW - 7, { trigger: "schedule", waited: 5 }),
        run(environment, NOW - 6, { trigger: "schedule", status: "Fail" }),
        run(environment, NOW - 5, { endedAt: null, status: "Running" }),
        run(environment, NOW - 4),
        run(environment, NOW - 3),
      ],
    ];
    await log.write(runsOf(apart).flat());
    await store(...runsOf(together));
    expect(await rows("run_segments", together)).toBe(5);
    const plain = await use.statistics(apart, NOW);
    expect(plain).toMatchObject({ tasks: 10, webhooks: 2, batches: 3, peakMs: 1_217 });
    expect(await use.statistics(together, NOW)).toEqual(plain);
    expect(await use.statistics(newEnvironment(), NOW)).toMatchObject({ tasks: 0, averageMs: 0, peakMs: 0 });
  });

  test("is relieved of a segment when all of it is old, and of no other", async () => {
    const [environment, other] = [newEnvironment(), newEnvironment()];
    const oldest = NOW - 30 * DAY_MS;
    const segments = (of: number) => [
      [run(of, oldest - 3), run(of, oldest - 2), run(of, oldest - 1)],
      [run(of, oldest - 1_000), run(of, oldest)],
      [run(of, oldest + 1), run(of, oldest + 2)],
      [run(of, oldest - 9, { status: "Fail" }), run(of, oldest, { status: "Fail" })],
    ];
    const kept = segments(environment);
    await store(...kept);
    await store(...segments(other));
    expect(await use.optimize(environment, NOW, 30 * DAY_MS)).toMatchObject({ old_runs: 4 });
    const left = [...(kept[1] ?? []), ...(kept[2] ?? []), ...(kept[3] ?? []).slice(1)];
    expect(await log.list(environment, {}, 100, undefined)).toEqual(newestFirst(left).map(summary));
    expect(await use.optimize(environment, NOW, 30 * DAY_MS)).toMatchObject({ old_runs: 0 });
    expect(await log.list(other, {}, 100, undefined)).toHaveLength(9);
  });

  test("is relieved of any number of them", async () => {
    const environment = newEnvironment();
    const batches = Array.from({ length: 260 }, (_, index) => [
      run(environment, 1_000 * index),
      run(environment, 1_000 * index),
    ]);
    await store(...batches);
    expect(await rows("run_segments", environment)).toBe(260);
    expect(await use.optimize(environment, NOW, DAY_MS)).toMatchObject({ old_runs: 520 });
    expect(await rows("run_segments", environment)).toBe(0);
  });

  test("uses 50 bytes for each run in one, and 200 for the segment", async () => {
    const environment = newEnvironment();
    await store([run(environment, NOW), run(environment, NOW), run(environment, NOW, { status: "Fail" })]);
    expect(await use.measure(environment, NOW)).toBe(200 + 2 * 50 + 200);
  });
});
