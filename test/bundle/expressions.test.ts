import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HOSTILE } from "../engine/expression/hostile-expressions";
import { startTestRuntime, type TestRuntime } from "./support/runtime";

/** Expressions in the bundle that a deployment runs, in a real workerd: no `eval`, and its limits of stack and memory. */

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = await startTestRuntime();
});
afterAll(async () => {
  await runtime?.dispose();
});

const LONGEST_MS = 1_500;
/** How much more of the machine's memory the process may keep after all of them: one isolate's share of it. */
const KEPT_MB = 256;

const ROWS = Array.from({ length: 200 }, (_, id) => ({ id, name: `n${id}`, tags: ["a", "b"] }));

function apply(project: string, values: Record<string, string>): Promise<Response> {
  const flows = Object.entries(values).map(([flow, source]) => ({
    flow,
    endpoint: { anonymous: true },
    outputs: { out: "any" },
    start: "out",
    nodes: { out: { type: "output", to: "out", value: { value: `=${source}` } } },
  }));
  return runtime.admin("PUT", `/admin/v1/projects/${project}`, { flows });
}

async function trigger(project: string, flow: string): Promise<{ status: number; text: string; ms: number }> {
  const begun = performance.now();
  const response = await fetch(`${runtime.url}/phixflow/api/1/action/${project}/${flow}/trigger`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ rows: ROWS }),
  });
  return { status: response.status, text: await response.text(), ms: performance.now() - begun };
}

/** Each kind of node of the language once, with what it must give. */
const KINDS: Record<string, [source: string, wanted: unknown]> = {
  path: ["input.json.rows[3].name", "n3"],
  predicate: ["input.json.rows[id >= 2 and name != 'n3' and id < 5].id", [2, 4]],
  aggregates: [
    "[$sum(input.json.rows.id), $max(input.json.rows.id), $min(input.json.rows.id), $average(input.json.rows.id)]",
    [19_900, 199, 0, 99.5],
  ],
  arithmetic: ["(1 + 2) * 3 - 8 / 4 % 3", 7],
  comparison: ["[1 < 2, 'a' >= 'b', 1 = 1, 1 != 1, 2 in [1, 2]]", [true, false, true, false, true]],
  strings: ["'a' & 1 & true", "a1true"],
  range: ["[1..4]", [1, 2, 3, 4]],
  object: ["{'n': $count(input.json.rows), 'ids': [input.json.rows[[0..1]].id]}", { n: 200, ids: [0, 1] }],
  condition: ["input.json.none ? 1 : input.json.none ?? 2", 2],
  lambda: ["($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(5))", 120],
  higher: ["$map([1, 2], function($v, $i) { $v * $i }) ~> $reduce(function($a, $b) { $a + $b })", 2],
  sort: ["input.json.rows[id < 3]^(>id).id", [2, 1, 0]],
  group: ["input.json.rows[id < 4]{$string(id % 2 = 0): $sum(id)}", { true: 2, false: 4 }],
  transform: ["{'a': {'b': 1}} ~> |a|{'c': 2}, 'b'|", { a: { c: 2 } }],
  join: ["input.json.rows@$r[$r.id < 2].($r.name & $r.id)", ["n00", "n11"]],
  index: ["input.json.rows#$i[$i < 2].(name & $i)", ["n00", "n11"]],
  parent: ["input.json.rows[id < 2].tags.(%.id & $)", ["0a", "0b", "1a", "1b"]],
  regex: ["$replace('a1b22', /[0-9]+/, '-')", "a-b-"],
  wildcard: ["$count(input.json.rows[0].*)", 4],
  chain: ["($up := $trim ~> $uppercase; ' x ' ~> $up)", "X"],
  date: ["$fromMillis(0, '[Y0001]-[M01]-[D01]')", "1970-01-01"],
};

test("a flow evaluates every kind of expression", async () => {
  const sources = Object.fromEntries(Object.entries(KINDS).map(([flow, [source]]) => [flow, source]));
  const applied = await apply("kinds", sources);
  expect(applied.status, await applied.text()).toBeLessThan(300);
  const given: Record<string, unknown> = {};
  for (const flow of Object.keys(KINDS)) {
    const { status, text } = await trigger("kinds", flow);
    given[flow] = status === 200 ? JSON.parse(text).data.out[0].value : text;
  }
  expect(given).toEqual(
    Object.fromEntries(Object.entries(KINDS).map(([flow, [, wanted]]) => [flow, wanted])),
  );
});

describe("hostile expressions", () => {
  const cases = Object.entries(HOSTILE).map(([title, [source, code]], index) => ({
    title,
    project: `hostile${index}`,
    source: source.replaceAll(/\brows\b/g, "input.json.rows"),
    ends: code === undefined ? 200 : 400,
  }));
  let before: number | undefined;

  beforeAll(async () => {
    const applied = await apply("calm", { calm: "$sum(input.json.rows.id)" });
    expect(applied.status, await applied.text()).toBeLessThan(300);
    expect((await trigger("calm", "calm")).status).toBe(200);
    before = residentMegabytes();
  });

  test.each(cases)("$title", async ({ project, source, ends }) => {
    const applied = await apply(project, { hostile: source });
    if (applied.ok) {
      const { status, ms, text } = await trigger(project, "hostile");
      expect(ms).toBeLessThan(LONGEST_MS);
      expect(status, text.slice(0, 300)).toBeGreaterThanOrEqual(ends);
      expect(status, text.slice(0, 300)).toBeLessThan(500);
      expect(text).not.toMatch(/\bat .*\.(ts|js):\d+/);
    } else expect(applied.status, await applied.text()).toBeLessThan(500);
    const { status, text } = await trigger("calm", "calm");
    expect([status, JSON.parse(text).data?.out[0].value]).toEqual([200, 19_900]);
  });

  test("the memory of the process stays bounded", () => {
    const after = residentMegabytes();
    if (before !== undefined && after !== undefined) expect(after - before).toBeLessThan(KEPT_MB);
  });
});

/** Where the system says so. */
function residentMegabytes(): number | undefined {
  const path = `/proc/${runtime.pid}/status`;
  if (!existsSync(path)) return undefined;
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(path, "utf8"))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}
