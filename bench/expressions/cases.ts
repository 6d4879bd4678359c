/** What is timed: one source for the library and for us, and the function that a developer would write instead. */
export interface ExpressionCase {
  key: string;
  title: string;
  /** Only timed against the library: how a function of the language compares. */
  libraryOnly?: true;
  source: string;
  /** Documents of the same shape with other values. */
  scope(variant: number): Record<string, unknown>;
  plain(scope: never): unknown;
}

interface Row {
  id: number;
  name: string;
  active: boolean;
  amount: number;
}

interface RowScope {
  input: { json: { rows: Row[]; since: string } };
  item: { onboarded: string };
}

const FILTER =
  '( $open := input.json.rows[active and amount >= 100]; { "total": $sum($open.amount), "names": $open.(name & "!") } )';

function scopeOf(count: number): (variant: number) => Record<string, unknown> {
  return (variant) => ({
    input: {
      json: {
        since: `2021-01-0${variant + 1}`,
        rows: Array.from({ length: count }, (_, index) => ({
          id: index + 1,
          name: `Row ${index + 1}`,
          active: index % 3 !== 0,
          amount: (((index + variant) * 37) % 1000) + 0.5,
        })),
      },
    },
    item: { onboarded: variant % 2 === 0 ? "2022-03-04" : "2020-12-31" },
  });
}

function filtered(scope: RowScope): unknown {
  const open = scope.input.json.rows.filter((row) => row.active && row.amount >= 100);
  return {
    total: open.reduce((sum, row) => sum + row.amount, 0),
    names: open.map((row) => `${row.name}!`),
  };
}

const TIMED: ExpressionCase[] = [
  {
    key: "expr_path",
    title: "a compare of two paths, as a branch has it",
    source: "item.onboarded >= input.json.since",
    scope: scopeOf(50),
    plain: (scope: RowScope) => scope.item.onboarded >= scope.input.json.since,
  },
  {
    key: "expr_filter50",
    title: "filter, sum and map over 50 objects",
    source: FILTER,
    scope: scopeOf(50),
    plain: filtered,
  },
  {
    key: "expr_filter5000",
    title: "filter, sum and map over 5,000 objects",
    source: FILTER,
    scope: scopeOf(5000),
    plain: filtered,
  },
];

/** Every function of the library once, on arguments that it is used with; none may be slower than the reference's. */
const FUNCTIONS: Record<string, string> = {
  abs: "$abs(-5.5)",
  append: "$append(input.json.rows.id, [1, 2, 3])",
  assert: "$assert(true, 'no')",
  average: "$average(input.json.rows.amount)",
  base64decode: "$base64decode('SGVsbG8gd29ybGQ=')",
  base64encode: "$base64encode('Hello world')",
  boolean: "$boolean(item)",
  ceil: "$ceil(5.5)",
  clone: "$clone(item)",
  contains: "$contains(item.onboarded, '-03-')",
  count: "$count(input.json.rows)",
  decodeUrl: "$decodeUrl('https://a.example/?q=%C3%BC')",
  decodeUrlComponent: "$decodeUrlComponent('%C3%BC%20x')",
  distinct: "$distinct(input.json.rows.active)",
  distinct_objects: "$distinct(input.json.rows.{'a': active})",
  each: "$each(item, function($v, $k) { $k & $v })",
  encodeUrl: "$encodeUrl('https://a.example/?q=ü')",
  encodeUrlComponent: "$encodeUrlComponent('ü x')",
  exists: "$exists(item.onboarded)",
  filter: "$filter(input.json.rows, function($r) { $r.active })",
  floor: "$floor(5.5)",
  formatBase: "$formatBase(255, 16)",
  formatInteger: "$formatInteger(1234567, '#,##0')",
  formatInteger_words: "$formatInteger(1234567, 'w')",
  formatNumber: "$formatNumber(1234.5678, '#,##0.00')",
  fromMillis: "$fromMillis(1700000000000)",
  fromMillis_picture: "$fromMillis(1700000000000, '[D1o] [MNn] [Y0001], [H01]:[m01]')",
  join: "$join(input.json.rows.name, ', ')",
  keys: "$keys(input.json.rows)",
  length: "$length(item.onboarded)",
  lookup: "$lookup(item, 'onboarded')",
  lowercase: "$lowercase('Hello World')",
  map: "$map(input.json.rows, function($r) { $r.amount * 2 })",
  match: "$match('ababbabbcc', /ab+/)",
  max: "$max(input.json.rows.amount)",
  merge: "$merge(input.json.rows)",
  min: "$min(input.json.rows.amount)",
  not: "$not(item.onboarded)",
  number: "$number('12.5')",
  pad: "$pad('abc', 10, '#')",
  parseInteger: "$parseInteger('twelve thousand, four hundred and seventy-six', 'w')",
  power: "$power(2, 8)",
  reduce: "$reduce(input.json.rows.amount, function($a, $b) { $a + $b })",
  replace: "$replace('2022-03-04', '-', '/')",
  replace_regex: "$replace('John Smith and John Jones', /John\\s(\\w+)/, '$1, John')",
  reverse: "$reverse(input.json.rows)",
  round: "$round(123.456, 2)",
  sift: "$sift(item, function($v) { $v = 'x' })",
  single: "$single(input.json.rows, function($r) { $r.id = 7 })",
  sort: "$sort(input.json.rows.amount)",
  sort_by: "$sort(input.json.rows, function($l, $r) { $l.amount > $r.amount })",
  split: "$split('a,b,c,d', ',')",
  split_regex: "$split('a, b;  c', /[,;]\\s*/)",
  spread: "$spread(item)",
  sqrt: "$sqrt(2)",
  string: "$string(input.json.rows[0])",
  substring: "$substring(item.onboarded, 5, 2)",
  substringAfter: "$substringAfter(item.onboarded, '-')",
  substringBefore: "$substringBefore(item.onboarded, '-')",
  sum: "$sum(input.json.rows.amount)",
  toMillis: "$toMillis('2022-03-04T05:06:07.000Z')",
  toMillis_picture: "$toMillis('04/03/2022 05:06', '[D01]/[M01]/[Y0001] [H01]:[m01]')",
  trim: "$trim('  Hello   World ')",
  type: "$type(item)",
  uppercase: "$uppercase('Hello World')",
  zip: "$zip([1, 2, 3], ['a', 'b', 'c'])",
  group: "input.json.rows{$string(active): $sum(amount)}",
  order: "input.json.rows^(>amount).id",
  join_paths: "input.json.rows@$r.{'id': $r.id}",
  parent: "input.json.rows.name.(% .id)",
  transform: "item ~> |$|{'onboarded': 'never'}|",
  wildcard: "$count(input.json.**)",
  tail_recursion: "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $a + $n) }; $f(50, 0))",
};

/** What the flows beside this one have: the same kinds of expressions over other fields of other objects. */
export const NEIGHBOURS: readonly { source: string; scope: Record<string, unknown> }[] = [
  "order",
  "user",
  "ticket",
  "device",
  "invoice",
  "parcel",
].map((kind) => {
  const [open, weight, label] = [`${kind}_open`, `${kind}_weight`, `${kind}_label`];
  const rows = Array.from({ length: 50 }, (_, index) => ({
    [`${kind}_id`]: index,
    [label]: `${kind} ${index}`,
    [weight]: (index * 31) % 700,
    [open]: index % 4 !== 0,
  }));
  return {
    source:
      `( $some := input.json.${kind}s[${open} and ${weight} >= 50]; ` +
      `{ "${weight}": $sum($some.${weight}), "${label}": $some.(${label} & "?"), "later": input.since > ${kind}.since } )`,
    scope: { input: { since: "2021", json: { [`${kind}s`]: rows } }, [kind]: { since: "2020" } },
  };
});

export const CASES: readonly ExpressionCase[] = [
  ...TIMED,
  ...Object.entries(FUNCTIONS).map(([key, source]): ExpressionCase => {
    return { key, title: source, libraryOnly: true, source, scope: scopeOf(50), plain: () => undefined };
  }),
];
