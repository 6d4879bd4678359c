import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compile, ExpressionError } from "../../../src/engine/expression";

/** The official cases lie beside the project, not in it; without them there is nothing to try. */
const FOLDER = join(import.meta.dirname, "../../../../shared/conformance/jsonata");
const present = existsSync(join(FOLDER, "cases.jsonl"));
if (!present) console.log("The official JSONata cases are not beside the project: they are not tried.");

interface Case {
  group: string;
  case: string;
  expr: string;
  data?: unknown;
  dataset?: string | null;
  bindings?: Record<string, unknown>;
  result?: unknown;
  undefinedResult?: boolean;
  code?: string;
  error?: { code: string };
  depth?: number;
  unordered?: boolean;
}

/** Cases that do not agree, each for a reason that docs/expressions.md gives. */
const DEVIATING: Record<string, string> = {
  ...Object.fromEntries(
    ["case000", "case001", "case002", "case003", "case004", "case005", "case006", "case007"]
      .concat(["case008.0", "case008.1", "case008.2", "case008.3"])
      .map((name) => [`function-eval ${name}`, "$eval is left out: sources are checked before they run"]),
  ),
  "range-operator case021": "a range of ten million elements does not fit the memory of a Worker",
  "range-operator case024": "a range of ten million elements does not fit the memory of a Worker",
};

const read = (name: string) => readFileSync(join(FOLDER, name), "utf8");
const datasets: Record<string, unknown> = present ? JSON.parse(read("datasets.json")) : {};
const cases: Case[] = present
  ? read("cases.jsonl")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];

/** The suite's own harness counts three levels for one call, and answers U1001 when they, or its time, run out. */
const LEVELS_PER_CALL = 3;
const HARNESS_LIMITS = ["fuel_exhausted", "depth_exceeded"];

function attempt(one: Case): { value: unknown } | { code: string } {
  const document = "dataset" in one ? (one.dataset == null ? undefined : datasets[one.dataset]) : one.data;
  try {
    const variables = one.bindings ?? {};
    const expression = compile(one.expr, { lenient: true, variables: Object.keys(variables) });
    const value = expression.evaluate(document as never, {
      meter: { fuel: 10_000_000 },
      variables,
      ...(one.depth === undefined ? {} : { depth: Math.floor(one.depth / LEVELS_PER_CALL) }),
    });
    return { value: value === undefined ? undefined : JSON.parse(JSON.stringify(value)) };
  } catch (error) {
    if (error instanceof ExpressionError) return { code: error.code };
    throw error;
  }
}

function agrees(one: Case): void {
  const got = attempt(one);
  const code = one.code ?? one.error?.code;
  if (code === "U1001") expect(HARNESS_LIMITS).toContain((got as { code?: string }).code);
  else if (code !== undefined) expect(got).toEqual({ code });
  else if (one.undefinedResult) expect(got).toEqual({ value: undefined });
  else if (one.unordered) {
    const sorted = (list: unknown) => (list as unknown[]).map((item) => JSON.stringify(item)).sort();
    expect(sorted((got as { value: unknown }).value)).toEqual(sorted(one.result));
  } else expect(got).toEqual({ value: one.result });
}

describe.skipIf(!present)("the official cases", () => {
  const byGroup = Map.groupBy(cases, (one) => one.group);
  it.each([...byGroup])("%s", (_group, members) => {
    const before = JSON.stringify(datasets);
    for (const one of members) {
      if (`${one.group} ${one.case}` in DEVIATING) continue;
      try {
        agrees(one);
      } catch (error) {
        throw new Error(`${one.group} ${one.case}: ${one.expr}\n${(error as Error).message}`, {
          cause: error,
        });
      }
    }
    expect(JSON.stringify(datasets), "the documents are as they were").toBe(before);
  });

  it("deviates in at most 20 cases", () => {
    expect(Object.keys(DEVIATING).length).toBeLessThanOrEqual(20);
    for (const one of cases) {
      if (`${one.group} ${one.case}` in DEVIATING) expect(() => agrees(one)).toThrowError();
    }
  });
});
