const nested = (depth: number, inner: string, open: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth);
const doubling = Array.from({ length: 40 }, (_, n) => `$x${n + 1} := $x${n} & $x${n}`).join("; ");
const doublingArrays = Array.from({ length: 40 }, (_, n) => `$x${n + 1} := [$x${n}, $x${n}]`).join("; ");
const coalescing = Array.from({ length: 60 }).reduce<string>((inner) => `(${inner} ?? 1)`, "a");

/**
 * Expressions written to hang or to fill the memory, each with the code that it must end with; without one any value
 * will do. They may ask `rows`, a list of objects.
 */
export const HOSTILE: Record<string, [source: string, code?: string | RegExp]> = {
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
