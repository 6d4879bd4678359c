import fc from "fast-check";

/** Random expressions from the grammar, over random documents whose fields they name. */

const NAMES = ["a", "b", "c", "list", "rows", "missing"] as const;

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: -5, max: 20 }),
  fc.constantFrom(0.5, 2.25, 1e21, -0.1),
  fc.constantFrom("", "x", "abc", "Hello World", "2024-02-29T12:30:00.000Z", "12", "ünïcödé", "😀b"),
  fc.boolean(),
  fc.constant(null),
);

export const documents: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small", maxDepth: 4 }, scalar, tie("array"), tie("object"), tie("rows")),
  array: fc.array(tie("value"), { maxLength: 4 }),
  object: fc.dictionary(fc.constantFrom(...NAMES, "two words"), tie("value"), {
    maxKeys: 5,
    noNullPrototype: true,
  }),
  rows: fc.array(
    fc.record(
      { a: fc.integer({ min: 0, max: 9 }), b: fc.constantFrom("x", "y", "z"), c: tie("value") },
      { requiredKeys: ["a"], noNullPrototype: true },
    ),
    { maxLength: 5 },
  ),
})).object;

const literal = fc.oneof(
  fc.integer({ min: -3, max: 12 }).map(String),
  fc.constantFrom("0.5", "1.25", '""', '"x"', '"abc"', "'y'", '"l"', "true", "false", "null", '"two words"'),
);

const name = fc.constantFrom(...NAMES, "`two words`", '"a"');
const variable = fc.constantFrom("$v", "$w", "$", "$$");

/** Functions by what they are usually given; the fuzz gives them anything all the same. */
const UNARY = [
  ..."sum count max min average string length lowercase uppercase trim number floor ceil abs round boolean not".split(
    " ",
  ),
  ..."keys spread merge reverse distinct exists type sort base64encode encodeUrlComponent sqrt formatBase zip".split(
    " ",
  ),
];
const BINARY =
  "append lookup contains split join substring substringBefore substringAfter pad power round formatBase zip".split(
    " ",
  );
const LAMBDAS = [
  "function($x){$x}",
  "function($x, $i){$i}",
  "function($x){$x > 2}",
  "function($x){$x & '!'}",
  "$string",
  "$exists",
];
const REGEX = ["/l+/", "/[a-c]/i", "/(b)(c)?/", "/\\s/", "/^x$/m", "/o/"];

export const expressions: fc.Arbitrary<string> = fc.letrec<{
  expression: string;
  path: string;
  step: string;
  pair: string;
}>((tie) => {
  const e = tie("expression");
  const pick = (choices: readonly string[]) => fc.constantFrom(...choices);
  return {
    expression: fc.oneof(
      { depthSize: "medium", maxDepth: 5 },
      { arbitrary: literal, weight: 3 },
      { arbitrary: tie("path"), weight: 8 },
      { arbitrary: variable, weight: 2 },
      {
        arbitrary: fc
          .tuple(e, pick(["+", "-", "*", "/", "%", "&"]), e)
          .map(([l, op, r]) => `(${l} ${op} ${r})`),
        weight: 3,
      },
      {
        arbitrary: fc
          .tuple(e, pick(["=", "!=", "<", "<=", ">", ">=", "in"]), e)
          .map(([l, op, r]) => `(${l} ${op} ${r})`),
        weight: 3,
      },
      {
        arbitrary: fc.tuple(e, pick(["and", "or", "??", "?:"]), e).map(([l, op, r]) => `(${l} ${op} ${r})`),
        weight: 2,
      },
      { arbitrary: fc.tuple(e, e, e).map(([c, t, f]) => `(${c} ? ${t} : ${f})`), weight: 1 },
      { arbitrary: e.map((value) => `-${value}`), weight: 1 },
      { arbitrary: fc.array(e, { maxLength: 3 }).map((items) => `[${items.join(", ")}]`), weight: 2 },
      {
        arbitrary: fc
          .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 8 }))
          .map(([l, h]) => `[${l}..${h}]`),
        weight: 1,
      },
      {
        arbitrary: fc.array(tie("pair"), { maxLength: 3 }).map((pairs) => `{${pairs.join(", ")}}`),
        weight: 2,
      },
      { arbitrary: fc.tuple(pick(UNARY), e).map(([fn, arg]) => `$${fn}(${arg})`), weight: 4 },
      { arbitrary: fc.tuple(pick(BINARY), e, e).map(([fn, l, r]) => `$${fn}(${l}, ${r})`), weight: 3 },
      { arbitrary: fc.tuple(e, pick(UNARY)).map(([arg, fn]) => `(${arg} ~> $${fn}())`), weight: 1 },
      {
        arbitrary: fc
          .tuple(pick(["map", "filter", "each", "sift", "single"]), e, pick(LAMBDAS))
          .map(([fn, arg, l]) => `$${fn}(${arg}, ${l})`),
        weight: 2,
      },
      {
        arbitrary: fc.tuple(e, e).map(([arg, init]) => `$reduce(${arg}, function($p, $n){$p & $n}, ${init})`),
        weight: 1,
      },
      {
        arbitrary: fc
          .tuple(pick(["contains", "match", "split"]), e, pick(REGEX))
          .map(([fn, arg, re]) => `$${fn}(${arg}, ${re})`),
        weight: 1,
      },
      {
        arbitrary: fc
          .tuple(e, pick(REGEX), pick(['"-"', '"<$1>"', '"$0$0"']))
          .map(([arg, re, by]) => `$replace(${arg}, ${re}, ${by})`),
        weight: 1,
      },
      { arbitrary: fc.tuple(e, e).map(([value, body]) => `($v := ${value}; ${body})`), weight: 2 },
      { arbitrary: fc.tuple(e, e).map(([body, arg]) => `(function($w){${body}})(${arg})`), weight: 1 },
      {
        arbitrary: fc.tuple(e, e).map(([target, update]) => `(${target} ~> |a|{"b": ${update}}|)`),
        weight: 1,
      },
      { arbitrary: fc.tuple(e, tie("pair")).map(([value, pair]) => `(${value}){${pair}}`), weight: 1 },
    ),
    path: fc
      .tuple(
        fc.oneof(
          { arbitrary: name, weight: 8 },
          { arbitrary: variable, weight: 2 },
          fc.constantFrom("*", "**"),
        ),
        fc.array(tie("step"), { maxLength: 3 }),
      )
      .map(([first, steps]) => first + steps.join("")),
    step: fc.oneof(
      { depthSize: "medium", maxDepth: 6 },
      { arbitrary: name.map((field) => `.${field}`), weight: 10 },
      { arbitrary: fc.constantFrom(".*", ".**", "[]", ".$", ".%", "@$w.b", "#$w", "#$w[$w < 2]"), weight: 3 },
      { arbitrary: e.map((predicate) => `[${predicate}]`), weight: 4 },
      { arbitrary: fc.integer({ min: -2, max: 2 }).map((index) => `[${index}]`), weight: 2 },
      { arbitrary: e.map((body) => `.(${body})`), weight: 2 },
      { arbitrary: fc.array(e, { maxLength: 2 }).map((items) => `.[${items.join(", ")}]`), weight: 1 },
      { arbitrary: tie("pair").map((pair) => `.{${pair}}`), weight: 1 },
      { arbitrary: fc.constantFrom("^(a)", "^(>a)", "^(b, >a)", "^($)"), weight: 1 },
      { arbitrary: tie("pair").map((pair) => `{${pair}}`), weight: 1 },
      { arbitrary: pick(UNARY).map((fn) => `.$${fn}()`), weight: 1 },
    ),
    pair: fc
      .tuple(fc.oneof(fc.constantFrom('"k"', '"m"', "b", "$string(a)"), e), e)
      .map(([key, value]) => `${key}: ${value}`),
  };
}).expression;
