import { describe, expect, it } from "vitest";
import { compile, DEFAULT_FUEL, ExpressionError } from "../../../src/engine/expression";

/**
 * Expressions written to hang, to fill the memory, or to reach what is not theirs. Each must be over within 1.5 s with
 * the fuel of a run, and leave the memory as it was.
 */
const LONGEST_MS = 1_500;
const HEAP_MB = 128;

const nested = (depth: number, inner: string, open: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth);
const doubling = Array.from({ length: 40 }, (_, n) => `$x${n + 1} := $x${n} & $x${n}`).join("; ");
const doublingArrays = Array.from({ length: 40 }, (_, n) => `$x${n + 1} := [$x${n}, $x${n}]`).join("; ");
const coalescing = Array.from({ length: 60 }).reduce<string>((inner) => `(${inner} ?? 1)`, "a");

/** A source, and the code that it must end with; without one any value will do. */
const HOSTILE: Record<string, [source: string, code?: string | RegExp]> = {
  "an endless loop of tail calls": ["($f := function($n) { $f($n + 1) }; $f(0))", "fuel_exhausted"],
  "endless recursion": ["($f := function($n) { 1 + $f($n) }; $f(0))", "depth_exceeded"],
  "two functions that call each other": [
    "($f := function($n) { [$g($n)] }; $g := function($n) { [$f($n)] }; $f(0))",
    "depth_exceeded",
  ],
  "recursion through $map": [
    "($f := function($n) { $map([1], function($x) { $f($n) + 1 }) }; $f(0))",
    "depth_exceeded",
  ],
  "branching recursion": [
    "($f := function($n) { $n = 0 ? 1 : $f($n - 1) + $f($n - 1) }; $f(100))",
    "fuel_exhausted",
  ],
  "a range of ten million": ["[1..10000000]", "result_too_large"],
  "ranges in ranges": ["[1..100000].[1..100000]", "fuel_exhausted"],
  "ranges by $map": ["$map([1..100000], function($x) { [1..100000] })", "fuel_exhausted"],
  "a string that doubles": [`($x0 := "0123456789"; ${doubling}; $length($x40))`, "string_too_long"],
  "an array that doubles": [`($x0 := [1..1000]; ${doublingArrays}; $x40)`, /result_too_large|fuel_exhausted/],
  "appending that doubles": [
    "($f := function($a, $n) { $n = 0 ? $a : $f($append($a, $a), $n - 1) }; $count($f([1..100], 60)))",
    /result_too_large|fuel_exhausted/,
  ],
  "$pad of twenty million": ['$length($pad("x", 20000000))', "string_too_long"],
  "$pad the other way": ['$pad("x", -1e15, "ab")', "string_too_long"],
  "$join of many": [
    '$join($map([1..100000], function($i) { $pad("x", 1000) }), ",")',
    /string_too_long|fuel_exhausted/,
  ],
  "$replace that grows": [
    '($s := $pad("a", 100000, "a"); $length($replace($s, "a", $s)))',
    "string_too_long",
  ],
  "$replace by expression that grows": [
    '($s := $pad("a", 100000, "a"); $length($replace($s, /a/, $s)))',
    /string_too_long|fuel_exhausted/,
  ],
  "$split into characters, again and again": [
    '$map([1..10000], function($i) { $split($pad("a", 10000, "a"), "") })',
    "fuel_exhausted",
  ],
  "a regular expression with nested repetition": [`$contains("${"a".repeat(40)}!", /^(a+)+$/)`],
  "nested repetition over a long text": [
    '$contains($pad("a", 100000, "a") & "!", /^(([a-z])+.)+[A-Z]([a-z])+$/)',
  ],
  "many optional parts": [`$contains("${"a".repeat(60)}", /${"a?".repeat(60)}${"a".repeat(60)}!/)`],
  "alternatives that overlap": [`$contains("${"a".repeat(60)}!", /^(a|aa|aaa)+$/)`],
  "repetition with a look-ahead": [`$contains("${"a".repeat(60)}!", /^(a+)+(?=b)/)`, /regex_refused/],
  "a back reference over a long text": ['$contains($pad("a", 100000, "a"), /(a*)*\\1b/)', "regex_refused"],
  "quadratic search": ['$contains($pad("a", 1000000, "a"), /a+b/)'],
  "matching the empty string for ever": ['$match("aaa", /b*/)', "D1004"],
  "$toMillis of 30,000 digits": ['$toMillis($pad("1", 30000, "1"))', "D3110"],
  "$toMillis of digits with a picture": ['$toMillis($pad("1", 900, "1"), "[Y][M][D][H][m][s]")'],
  "$toMillis of words": [`$toMillis("${"one ".repeat(200)}", "[Yw] [Mw] [Dw]x")`],
  "a picture with a huge width": ['$fromMillis(0, "[Y,999999999]")', "string_too_long"],
  "Roman numerals of a huge number": ['$formatInteger(1e15, "I")', "string_too_long"],
  "letters of infinity": ['$formatInteger(1e308 * 10, "A")', "D1001"],
  "a number picture with empty symbols": [
    '$formatNumber(1234, "#,##0", {"grouping-separator": "", "zero-digit": ""})',
    /^D30/,
  ],
  "an exponent of infinity": ['$formatNumber(1e308 * 10, "0.0e0")', "D1001"],
  "sorting with a comparator that never agrees": ["$sort([1..50000], function($a, $b) { true })"],
  "sorting a sort": ["[1..3000].$sort([1..3000], function($a, $b) { $a < $b })", "fuel_exhausted"],
  "distinct of many objects": ["$distinct([1..20000].{'a': $})", /fuel_exhausted/],
  "joins of joins": ["[1..1000]@$a.$$.rows@$b.$$.rows@$c.$$.rows@$d.$$.rows[$a = $b]"],
  "descendants of descendants": ["**.**.**.**.**.**.**.**.**.**.**.**"],
  "a deep group": ["[1..100000]{$string($): $$.rows}"],
  "coalescing that doubles the tree": [coalescing, /source_too_deep/],
  "deep brackets": [nested(5000, "1", "(", ")"), "source_too_deep"],
  "deep negation": [`${"-".repeat(20000)}1`, "source_too_deep"],
  "a long chain of operators": [Array.from({ length: 12000 }, () => "1").join("+"), /source_too_deep/],
  "deep conditions": [`${"a ? ".repeat(3000)}1`, /source_too_deep|S02/],
  "a source of a megabyte": [`"${"x".repeat(1_000_000)}"`, "source_too_long"],
  "printing a deep value": [
    "($f := function($x, $n) { $n = 0 ? $x : $f({'a': $x}, $n - 1) }; $string($f(1, 5000)))",
    "depth_exceeded",
  ],
  "printing what doubles": [
    `($x0 := [1..10]; ${doublingArrays}; $string($x40))`,
    /result_too_large|string_too_long|fuel_exhausted/,
  ],
  "comparing what doubles": [
    `($x0 := [1..10]; ${doublingArrays}; $y := $x40; [$y] = [$clone($x20)])`,
    /result_too_large|fuel_exhausted/,
  ],
  "zip of many": [
    "$zip([1..100000], [1..100000], [1..100000]) ~> $map(function($z) { $zip($z, [1..100000]) })",
    "fuel_exhausted",
  ],
  $eval: ["$eval('1')", "unknown_function"],
};

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
    const used = () => process.memoryUsage().heapUsed / 1024 ** 2;
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
