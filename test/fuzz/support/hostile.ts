import type { Random } from "./random";

/** Values that break what trusts its input. */

/** Texts that stand for JSON that no JavaScript value is written as; `rawJson` puts it in. */
const RAW: Record<string, string> = {
  "@@huge@@": "1e309",
  "@@minus@@": "-0",
  "@@long@@": "12345678901234567890.123456789",
  "@@tiny@@": "1e-400",
  "@@nan@@": "NaN",
  "@@hex@@": "0x10",
  "@@deep@@": `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  "@@deeper@@": `${'{"a":'.repeat(300)}1${"}".repeat(300)}`,
  "@@twice@@": '{"a":1,"a":2,"name":"x","name":"y"}',
};

export function rawJson(text: string): string {
  return text.replaceAll(/"(@@\w+@@)"/g, (whole, mark: string) => RAW[mark] ?? whole);
}

const TEXTS = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "x\udc00y",
  "\u202eabc",
  "é̵̡̧̛͍𝔘𝔫𝔦 😀 ß ﷽",
  "\r\nX-Injected: 1",
  "\t\v\f",
  "' OR 1=1 --",
  "'; DROP TABLE flows; --",
  '") UNION SELECT * FROM secrets --',
  "%' ESCAPE '",
  "$..*",
  "$[?(@.a)]",
  '$."a"."b',
  "$.a[0",
  "../../../etc/passwd",
  "..\\..\\",
  "%00",
  "%2e%2e%2f",
  "%zz",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "rowid",
  "sqlite_master",
  "_cf_KV",
  "*",
  "null",
  "true",
  "-1",
  "0",
  "1e309",
  "NaN",
  "9007199254740993",
  "99999999999999999999",
  "0x1f",
  "1.5",
  "2024-02-30",
  "+275761-01-01T00:00:00Z",
  "-000001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999Z",
  "2020-01-01 00:00:00",
  "P1D",
  "1h",
  "999999999d",
  "=item",
  "=$error('x')",
  "=(",
  "=$pad('x', 20000000)",
  "${",
  "${item.a}",
  "<script>alert(1)</script>",
  "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
  "file:///etc/passwd",
  "http://169.254.169.254/",
  "http://[::ffff:127.0.0.1]:1/",
  "data:text/plain,x",
  "^(a+)+$",
  "(?<=a)b",
  "[",
  "{}",
  "[]",
  "a,b,,c",
  "a;b=c",
  "*/*;q=2",
  "Basic OjpmOg==",
  'W/"',
  '"*"',
];

const BIG = [51, 101, 256, 2_000, 70_000];

export function hostileText(random: Random): string {
  if (random.percent(6)) return random.pick(["a", "é", "%", "'", "😀", "/"]).repeat(random.pick(BIG));
  return random.pick(TEXTS);
}

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  -2_147_483_649,
  4_294_967_296,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_VALUE,
  [],
  {},
  [[]],
  [null],
  [1, "1", null, {}],
  { a: null },
  { ["__proto__"]: { polluted: true } },
  { constructor: { prototype: { polluted: true } } },
  { hasOwnProperty: 1, toString: null },
  { $ref: "#" },
  { $ref: "http://169.254.169.254/schema" },
  { "": "" },
  { "a.b['c']": 1 },
];

export function hostileValue(random: Random): unknown {
  const kind = random.below(100);
  if (kind < 40) return hostileText(random);
  if (kind < 52) return random.pick(Object.keys(RAW));
  if (kind < 55) return Array.from({ length: random.pick([51, 101, 1_001]) }, (_, index) => index);
  if (kind < 57) {
    return Object.fromEntries(
      Array.from({ length: random.pick([101, 1_001]) }, (_, index) => [`k${index}`, index]),
    );
  }
  return random.pick(VALUES);
}

/** A copy in which one place is spoiled: replaced, removed, repeated, wrapped or given a strange neighbour. */
export function spoiled(value: unknown, random: Random): unknown {
  const inside = typeof value === "object" && value !== null && random.percent(80);
  if (inside && Array.isArray(value)) {
    if (value.length === 0) return [hostileValue(random)];
    const at = random.below(value.length);
    const copy = [...(value as unknown[])];
    const how = random.below(10);
    if (how === 0) copy.splice(at, 1);
    else if (how === 1) copy.push(copy[at]);
    else copy[at] = spoiled(copy[at], random);
    return copy;
  }
  if (inside) {
    const entries = Object.entries(value as object) as [string, unknown][];
    if (entries.length === 0) return Object.fromEntries([[hostileText(random), hostileValue(random)]]);
    const at = random.below(entries.length);
    const [key, held] = entries[at] as [string, unknown];
    const how = random.below(10);
    if (how === 0) entries.splice(at, 1);
    else if (how === 1) entries[at] = [hostileText(random), held];
    else if (how === 2) entries.push([hostileText(random), hostileValue(random)]);
    else entries[at] = [key, spoiled(held, random)];
    return Object.fromEntries(entries);
  }
  const how = random.below(10);
  if (how === 0) return [value];
  if (how === 1) return { value };
  if (how === 2) return String(value);
  return hostileValue(random);
}
