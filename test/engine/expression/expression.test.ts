import { describe, expect, it } from "vitest";
import { readShape } from "../../../src/domain/shape-source";
import {
  type CompileOptions,
  check,
  compile,
  type Evaluation,
  ExpressionError,
  explain,
} from "../../../src/engine/expression";

const document = {
  input: {
    json: {
      since: "2021-01-01",
      rows: [
        { id: 1, amount: 2.5 },
        { id: 2, amount: 4 },
      ],
    },
  },
  item: { onboarded: "2022-03-04", name: "Ada" },
};

function evaluate(source: string, options: CompileOptions = {}, more: Partial<Evaluation> = {}): unknown {
  return compile(source, options).evaluate(document, { meter: { fuel: 100_000 }, ...more });
}

function failure(work: () => unknown): ExpressionError {
  try {
    work();
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("evaluating", () => {
  it("is synchronous and gives plain values", () => {
    expect(evaluate("item.onboarded >= input.json.since")).toBe(true);
    expect(evaluate("input.json.rows.amount")).toStrictEqual([2.5, 4]);
    const source =
      '{ "count": $count(input.json.rows), "total": $sum(input.json.rows.amount), "ids": [input.json.rows.id] }';
    expect(evaluate(source)).toStrictEqual({ count: 2, total: 6.5, ids: [1, 2] });
  });

  it("charges the run's meter, whichever expression spends", () => {
    const meter = { fuel: 1_000 };
    const sum = compile("$sum([1..100])");
    sum.evaluate(document, { meter });
    expect(meter.fuel).toBeLessThan(900);
    expect(
      failure(() => {
        for (;;) sum.evaluate(document, { meter });
      }).code,
    ).toBe("fuel_exhausted");
  });

  it("lends the host's functions, with plain arguments, and refuses promises from them", () => {
    const seen: unknown[] = [];
    const functions = {
      debug: (...args: unknown[]) => {
        seen.push(args);
        return args[0];
      },
      later: () => Promise.resolve(1),
    };
    expect(evaluate("$debug(input.json.rows.id)", { functions: ["debug"] }, { functions })).toEqual([1, 2]);
    expect(seen).toStrictEqual([[[1, 2]]]);
    expect(evaluate("$map([1, 2], $debug)", { functions: ["debug"] }, { functions })).toEqual([1, 2]);
    expect(failure(() => evaluate("$later()", { functions: ["later"] }, { functions })).code).toBe(
      "async_function",
    );
  });

  it("takes the time and the chance from its caller", () => {
    expect(evaluate("$now()", {}, { now: 0 })).toBe("1970-01-01T00:00:00.000Z");
    expect(evaluate("$millis()", {}, { now: 17 })).toBe(17);
    expect(evaluate("$random()", {}, { random: () => 0.25 })).toBe(0.25);
    expect(evaluate("$limit + 1", { variables: ["limit"] }, { variables: { limit: 2 } })).toBe(3);
  });
});

describe("errors", () => {
  it("say where, which part, and what was there", () => {
    const error = failure(() => evaluate("1 + item.name * 2"));
    expect(error).toMatchObject({
      code: "T2001",
      position: 15,
      token: "*",
      value: "Ada",
      part: "item.name * 2",
    });
    expect(error.message).toBe('the left side of * must be a number; it was "Ada" (at 15 in item.name * 2)');
  });

  it("name the nearest function or variable", () => {
    expect(failure(() => compile("$coumt(item)"))).toMatchObject({
      code: "unknown_function",
      nearest: "$count",
    });
    expect(failure(() => compile("($total := 1; $totl + 1)"))).toMatchObject({
      code: "unknown_variable",
      nearest: "$total",
    });
    expect(failure(() => compile("sum(item)").evaluate(document, { meter: { fuel: 100 } })).code).toBe(
      "T1005",
    );
  });

  it("report syntax where it breaks", () => {
    expect(failure(() => compile("item.[1, "))).toMatchObject({ code: "S0203" });
    expect(failure(() => compile("item name"))).toMatchObject({ code: "S0201", position: 9 });
    expect(failure(() => compile("/(/")).code).toMatch(/regex_refused|S0302/);
  });

  it("are what the author of $error wrote", () => {
    expect(failure(() => evaluate("$error('Too expensive')")).message).toBe("Too expensive");
  });

  it("show no more of a value than recognises it", () => {
    const long = { item: { name: "x".repeat(10_000) } };
    const run = () => compile("-item.name").evaluate(long, { meter: { fuel: 100 } });
    expect(failure(run).message.length).toBeLessThan(200);
  });
});

describe("the fields that an expression reads", () => {
  it.each<[string, string[]]>([
    ["item.onboarded >= input.json.since", ["item.onboarded", "input.json.since"]],
    [
      "input.json.rows[active and amount > 1].id",
      ["input.json.rows.active", "input.json.rows.amount", "input.json.rows.id"],
    ],
    ["input.json.rows^(>amount)[0].id", ["input.json.rows.amount", "input.json.rows.id"]],
    ["( $r := input.json.rows; $r.amount )", ["input.json.rows"]],
    ["$map(item.hits, function($h) { $h.id & run.id })", ["item.hits", "run.id"]],
    ["item.{ 'a': x, 'b': y.z }", ["item.x", "item.y.z"]],
    ["item ? last.a : last.b", ["item", "last.a", "last.b"]],
    ["$$.item.name", ["item.name"]],
    ["input.json.rows.*", ["input.json.rows"]],
    ["1 + 1", []],
  ])("%s", (source, wanted) => {
    const { all, paths } = compile(source).reads;
    expect(all).toBe(false);
    expect(paths.map((path) => path.join(".")).sort()).toEqual(wanted.sort());
  });

  it.each(["$", "$$", "*", "**.id", "$string()", "$lookup($, 'item')", "$keys($$)", "item.%.input"])(
    "%s may read anything",
    (source) => {
      expect(compile(source).reads.all).toBe(true);
    },
  );
});

describe("checking against a known shape", () => {
  const shape = readShape(
    {
      input: { json: { since: "date", rows: [{ id: "integer", name: "string", amount: "number" }] } },
      item: "any",
    },
    [],
  );
  const found = (source: string) =>
    check(source, shape).map(({ code, nearest, part }) => [code, part, nearest].filter(Boolean).join(" "));

  it("finds fields that are not there, with the nearest that is", () => {
    expect(found("input.json.row.id")).toEqual(["unknown_field row rows"]);
    expect(found("input.json.rows[amuont > 1].name")).toEqual(["unknown_field amuont amount"]);
    expect(found("$map(input.json.rows.idd, $string)")).toEqual(["unknown_field idd id"]);
  });

  it("finds operands and arguments of a type that cannot do", () => {
    expect(found("input.json.since * 2")).toEqual(["T2001 input.json.since"]);
    expect(found("input.json.since > 5")).toEqual(["T2009 input.json.since > 5"]);
    expect(found("$sum(input.json.rows.name)")).toEqual(["T0412 input.json.rows.name"]);
    expect(found("$uppercase(input.json.rows[0].amount)")).toEqual(["T0410 input.json.rows[0].amount"]);
  });

  it("finds names that nothing defines, and syntax errors", () => {
    expect(found("$coumt(item)")).toEqual(["unknown_function $coumt $count"]);
    expect(found("item.")[0]).toMatch(/^S02/);
  });

  it("follows the arguments of functions, and what @ and # bind", () => {
    expect(found("$map(input.json.rows, function($r) { $r.nmae })")).toEqual(["unknown_field nmae name"]);
    expect(found("$filter(input.json.rows, function($r) { $r.id > 1 }).nmae")).toEqual([
      "unknown_field nmae name",
    ]);
    expect(found("input.json.rows ~> $map(function($r, $i) { $i & $r.idd })")).toEqual([
      "unknown_field idd id",
    ]);
    expect(found("$sort(input.json.rows, function($l, $r) { $l.name * 2 > $r.id })")).toEqual([
      "T2001 $l.name",
    ]);
    expect(found("$reduce(input.json.rows, function($sum, $r) { $sum + $r.ammount }, 0)")).toEqual([
      "unknown_field ammount amount",
    ]);
    expect(found("($f := function($x) { $x & input.json.sinse }; $f(1))")).toEqual([
      "unknown_field sinse since",
    ]);
    expect(found("input.json.rows@$r[$r.idd = 1].{'id': $r.id}")).toEqual(["unknown_field idd id"]);
    expect(found("input.json@$j.json.rows#$i.{'at': $i, 'since': $j.sinse}")).toEqual([
      "unknown_field sinse since",
    ]);
  });

  it("takes the host's names as its own", () => {
    const options = { functions: ["sum"], variables: ["row"] };
    expect(check("$sum('x') & $row.anything * 2", shape, options)).toEqual([]);
    expect(check(compile("$sum('x') & $row.anything * 2", options), shape)).toEqual([]);
  });

  it("does not question what it does not know", () => {
    for (const source of [
      "($f := function($x) { $x.anything + 1 }; $f(item))",
      "($x := 'a'; $f := function($x) { $x * 2 }; $f(2) & $x)",
      "($x := 'a'; $y := $x & 'b'; $x := 2; $x * 2)",
      "$reduce(input.json.rows.id, function($all, $id) { $all.total + $id })",
      "$each(input.json, function($v, $k) { $k & $v.anything })",
      "input.json.rows@$r.$$.input.json.rows@$s[$s.id = $r.id].{'a': $r.amount + $s.amount}",
      "input.json.rows#$i[$i < 2 and amount > $i].name",
      "input.json.rows.name.(%.amount * 2 & $)",
      "$map([1, 'a'], function($v) { $v.x })",
      "$map(input.json.rows, $string)",
      "input.json ~> |rows|{'anything': amount.more}|",
      "item.anything.at.all * 2",
      "$sum(input.json.rows.amount) & ''",
      "input.json.rows[0].name & 'x'",
      "($r := input.json.rows; $r.amount)",
      "input.json.rows{name: $sum(amount)}",
      "input.json.rows@$r.{'id': $r.id}",
      "input.json.rows.amount * 2",
    ]) {
      expect(found(source), source).toEqual([]);
    }
  });
});

describe("explaining", () => {
  const evaluation = () => ({ meter: { fuel: 10_000 } });

  it("tells what each part gave, and how often", () => {
    const { value, parts } = explain("$count(input.json.rows[amount > 3]) = 1", document, evaluation());
    expect(value).toBe(true);
    const part = (text: string) => parts.find((one) => one.part === text);
    expect(part("amount > 3")).toMatchObject({ times: 2, values: [false, true] });
    expect(part("$count(input.json.rows[amount > 3])")).toMatchObject({ times: 1, values: [1] });
    expect(part("amount")).toMatchObject({ times: 2, values: [2.5, 4] });
  });

  it("names the field that a path did not find", () => {
    const { value, parts } = explain(compile("item.onborded = 'x'"), document, evaluation());
    expect(value).toBe(false);
    expect(parts[0]).toMatchObject({ missing: { field: "onborded", nearest: "onboarded" } });
  });

  it("keeps the parts that were evaluated before an error", () => {
    const { error, parts } = explain("item.name + 1", document, evaluation());
    expect(error?.code).toBe("T2001");
    expect(parts[0]).toMatchObject({ part: "item.name", values: ["Ada"] });
  });
});
