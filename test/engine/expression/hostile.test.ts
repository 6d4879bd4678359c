import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { compile, DEFAULT_FUEL, ExpressionError } from "../../../src/engine/expression";
import { HOSTILE } from "./hostile-expressions";

/**
 * Expressions written to hang, to fill the memory, or to reach what is not theirs. Each must be over within 1.5 s with
 * the fuel of a run, and leave the memory as it was.
 */
const LONGEST_MS = 1_500;
const HEAP_MB = 128;

const scope = () => ({
  rows: Array.from({ length: 200 }, (_, id) => ({ id, name: `n${id}`, tags: ["a", "b"] })),
});

function attempt(source: string): { code: string | undefined; ms: number } {
  const begun = performance.now();
  let code: string | undefined;
  try {
    compile(source).evaluate(scope(), { meter: { fuel: DEFAULT_FUEL } });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    code = error.code;
  }
  return { code, ms: performance.now() - begun };
}

describe("hostile expressions", () => {
  it.each(Object.entries(HOSTILE))("%s: over in time", (_name, [source, wanted]) => {
    const { code, ms } = attempt(source);
    expect(ms).toBeLessThan(LONGEST_MS);
    if (typeof wanted === "string") expect(code).toBe(wanted);
    else if (wanted) expect(code).toMatch(wanted);
  });

  it("leaves the memory flat and the next evaluation quick", () => {
    // Collected first: when V8 would have collected by itself says nothing about what is kept.
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const used = () => {
      collect();
      return process.memoryUsage().heapUsed / 1024 ** 2;
    };
    const before = used();
    for (const [source] of Object.values(HOSTILE)) attempt(source);
    const quick = compile("$sum(rows.id)");
    const begun = performance.now();
    expect(quick.evaluate(scope(), { meter: { fuel: 10_000 } })).toBe(19_900);
    expect(performance.now() - begun).toBeLessThan(100);
    expect(used() - before).toBeLessThan(HEAP_MB);
  }, 60_000);
});

describe("what an expression cannot reach", () => {
  const evaluate = (source: string, document: unknown = { a: { b: 1 }, list: [1], text: "x" }) =>
    compile(source, { lenient: true }).evaluate(document as never, { meter: { fuel: 100_000 } });

  it.each([
    "__proto__",
    "constructor",
    "a.constructor",
    "a.__proto__",
    "a.toString",
    "a.hasOwnProperty",
    "a.__lookupGetter__",
    "a.__defineSetter__",
    "list.length",
    "list.constructor",
    "text.length",
    "text.constructor",
    "`constructor`.`constructor`",
    "$lookup($, 'constructor')",
    "$lookup(a, '__proto__')",
    "$lookup($sum, 'constructor')",
    "$sum.constructor",
    "$sum.arity",
    "(function($x){$x}).code",
    "(function($x){$x}).lambda.code.body",
    "a[constructor]",
    "a.*.constructor",
    "$spread(a).constructor",
    "$merge([a, {'x': 1}]).constructor",
    "$$.constructor",
  ])("%s is nothing", (source) => {
    expect(evaluate(source)).toBeUndefined();
  });

  it.each([
    `{"__proto__": {"polluted": true}}`,
    `$merge([{"__proto__": {"polluted": true}}])`,
    `a ~> |$|{"__proto__": {"polluted": true}}|`,
    `list{"__proto__": {"polluted": true}}`,
    `$sift({"__proto__": {"polluted": true}}, function($v) { true })`,
    `$spread({"__proto__": {"polluted": true}})`,
    `$clone({"__proto__": {"polluted": true}})`,
  ])("%s makes an own field and pollutes nothing", (source) => {
    const result = evaluate(source);
    const made = (Array.isArray(result) ? result[0] : result) as object;
    expect(Object.hasOwn(made, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect((made as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("reads such names when they are the document's own", () => {
    const document = JSON.parse('{"constructor": {"toString": 1}, "__proto__": {"x": 2}}');
    expect(evaluate("constructor.toString", document)).toBe(1);
    expect(evaluate("__proto__.x", document)).toBe(2);
  });

  it("never changes its input, not even by a transform that reaches around its copy", () => {
    const document = Object.freeze({ a: Object.freeze({ b: 1 }), list: Object.freeze([3, 1, 2]) });
    expect(evaluate("$ ~> |$$.a|{'b': 2}|", document)).toEqual({ a: { b: 1 }, list: [3, 1, 2] });
    expect(evaluate("$ ~> |a|{'b': 2}|", document)).toEqual({ a: { b: 2 }, list: [3, 1, 2] });
    expect(evaluate("$sort(list)", document)).toEqual([1, 2, 3]);
    expect(evaluate("list^($)", document)).toEqual([1, 2, 3]);
    expect(evaluate("$append(list, 4)", document)).toEqual([3, 1, 2, 4]);
    expect(evaluate("$reverse(list)", document)).toEqual([2, 1, 3]);
  });

  it("gives plain JSON: no functions, no marks, no numbers out of range", () => {
    expect(evaluate('{"f": $sum, "m": $match("ab", /b/), "l": list[]}')).toStrictEqual({
      m: { match: "b", index: 1, groups: [] },
      l: [1],
    });
    expect(Reflect.ownKeys(evaluate("[1..3]") as object)).toEqual(["0", "1", "2", "length"]);
    expect(evaluate("$sum")).toBeUndefined();
    expect(() => evaluate("1/0")).toThrowError(expect.objectContaining({ code: "D1001" }));
  });
});
