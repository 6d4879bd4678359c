import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/domain/format-error";
import type { Json, JsonObject } from "../../../src/domain/json";
import {
  MAX_XML_ATTRIBUTES,
  MAX_XML_DEPTH,
  MAX_XML_ELEMENTS,
  MAX_XML_NAME,
  MAX_XML_SECTIONS,
} from "../../../src/domain/limits";
import { parseXml, XmlParseOptions } from "../../../src/engine/formats/xml";
import { formatXml, XmlFormatOptions } from "../../../src/engine/formats/xml-format";
import { faultOf } from "../../support/fault-of";

const parse = (text: string, options: Partial<XmlParseOptions> = {}) =>
  parseXml(text, XmlParseOptions.parse(options));
const format = (value: Json, options: Partial<XmlFormatOptions> = {}) =>
  formatXml(value, XmlFormatOptions.parse({ declaration: false, ...options }));

describe("parseXml", () => {
  it.each<[string, Json]>([
    ["<a/>", { a: "" }],
    ["<a></a>", { a: "" }],
    ["<a> x </a>", { a: " x " }],
    ["<a>\n</a>", { a: "\n" }],
    ["<a>1.50</a>", { a: "1.50" }],
    ['<a id="7"/>', { a: { "@id": "7" } }],
    ['<a id="7">x</a>', { a: { "@id": "7", "#text": "x" } }],
    ["<a b=' x '/>", { a: { "@b": " x " } }],
    ['<a b="x > y"/>', { a: { "@b": "x > y" } }],
    ["<a b='\"/>'/>", { a: { "@b": '"/>' } }],
    ['<a b=""/>', { a: { "@b": "" } }],
    ["<a><b>1</b><c/></a>", { a: { b: "1", c: "" } }],
    ["<a><b>1</b><c/><b>2</b></a>", { a: { b: ["1", "2"], c: "" } }],
    ["<a>\n  <b>1</b>\n</a>", { a: { b: "1" } }],
    ["<a> x <b/> y </a>", { a: { b: "", "#text": "x  y" } }],
    ["<a>\u00a0<b/></a>", { a: { b: "", "#text": "\u00a0" } }],
    ["<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;</a>", { a: "<>&\"'A😀" }],
    ["<a>&amp;lt;</a>", { a: "&lt;" }],
    ["<a><![CDATA[<b>&amp;]]></a>", { a: "<b>&amp;" }],
    ["<a>x<![CDATA[ y ]]>z</a>", { a: "x y z" }],
    ["<a><![CDATA[]]></a>", { a: "" }],
    ["<a><![CDATA[<!DOCTYPE html>]]></a>", { a: "<!DOCTYPE html>" }],
    ["<a>x<!-- <b> ' -->y</a>", { a: "xy" }],
    ["<!-- c --><?pi it's ?><a><?pi \"?>x</a><!-- d -->\n", { a: "x" }],
    ['<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n<a/>', { a: "" }],
    ["<?xml version='1.0' encoding='US-ASCII'?><a/>", { a: "" }],
    ['<?xml version="1.0" encoding="ISO-8859-1"?><a>ascii</a>', { a: "ascii" }],
    ["\ufeff<a/>", { a: "" }],
    ["<a\n b = '1'\t>x</a\n>", { a: { "@b": "1", "#text": "x" } }],
    ["<é:x.y-z/>", { "é:x.y-z": "" }],
    ["<a>x\r\ny</a>", { a: "x\ny" }],
    ["<a><toString/><hasOwnProperty>1</hasOwnProperty></a>", { a: { toString: "", hasOwnProperty: "1" } }],
    ["<a __proto__='1' constructor='2'/>", { a: { "@__proto__": "1", "@constructor": "2" } }],
  ])("reads %j", (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it.each([
    ["", "is empty"],
    ["  ", "is empty"],
    ["text", "does not begin with an element"],
    ["<a>", "ends before </a>"],
    ["<a><b></a>", "closes </a> where </b> is due"],
    ["<a></b>", "closes </b> where </a> is due"],
    ["</a>", "closes </a>, which is not open"],
    ["<a/><b/>", "two root elements"],
    ["<a/>junk", "goes on after its root element"],
    ["junk<a/>", "does not begin with an element"],
    ["<a/><![CDATA[x]]>", "text outside its root"],
    ["<a b=1/>", "not well-formed"],
    ["<a b/>", "not well-formed"],
    ["<a b='1'c='2'/>", "not well-formed"],
    ["<a b='<'/>", "not well-formed"],
    ["<a b='1' b='2'/>", "attribute b twice"],
    ["<a c='' b='1' d='' b='2'/>", "attribute b twice"],
    ["<1a/>", "begins no tag"],
    ["<a>1 < 2</a>", "begins no tag"],
    ["<a>x & y</a>", "write &amp;"],
    ["<a>&foo;</a>", "write &amp;"],
    ["<a>&#0;</a>", "character that XML does not allow"],
    ["<a>&#xD800;</a>", "character that XML does not allow"],
    ["<a>&#x110000;</a>", "character that XML does not allow"],
    ["<a>\u0001</a>", "control character"],
    ["<a>]]></a>", "write ]]&gt;"],
    ["<a><!-- -- --></a>", "-- inside a comment"],
    ["<a><!-- ", "ends inside a comment"],
    ["<a><![CDATA[x", "ends inside a CDATA section"],
    ["<a><?pi", "ends inside a processing instruction"],
    ["<a><? x?></a>", "without a name"],
    [' <?xml version="1.0"?><a/>', "not at its very beginning"],
    ["<?xml version='2.0'?><a/>", "broken XML declaration"],
    ['<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>', "send it as UTF-8"],
    ["<a></a x>", "closing tag that is not well-formed"],
    ["<a\ufeffb/>", "not well-formed"],
  ])("refuses %j and says that it %s", (text, reason) => {
    const error = faultOf(() => parse(text));
    expect(error).toMatchObject({ format: "xml", kind: "malformed", code: "invalid_request" });
    expect(error.reason).toContain(reason);
    expect(error.line).toBeGreaterThan(0);
    expect(error.column).toBeGreaterThan(0);
  });

  it("names the line and column", () => {
    expect(faultOf(() => parse("<a>\n  <b>\n  </c>\n</a>"))).toMatchObject({ line: 3, column: 3 });
  });

  it.each([
    ["MAX_XML_DEPTH", MAX_XML_DEPTH, (n: number) => "<a>".repeat(n) + "</a>".repeat(n)],
    [
      "MAX_XML_ATTRIBUTES",
      MAX_XML_ATTRIBUTES,
      (n: number) => `<a ${Array.from({ length: n }, (_, i) => `a${i}=''`).join(" ")}/>`,
    ],
    ["MAX_XML_ELEMENTS", MAX_XML_ELEMENTS, (n: number) => `<a>${"<b/>".repeat(n - 1)}</a>`],
    ["MAX_XML_NAME", MAX_XML_NAME, (n: number) => `<${"a".repeat(n)}/>`],
    ["MAX_XML_NAME", MAX_XML_NAME, (n: number) => `<a ${"b".repeat(n)}="1"/>`],
    ["MAX_XML_SECTIONS", MAX_XML_SECTIONS, (n: number) => `<a>${"<![CDATA[x]]>".repeat(n)}</a>`],
    ["MAX_XML_SECTIONS", MAX_XML_SECTIONS, (n: number) => `${"<?p i?>".repeat(n)}<a/>`],
    [
      "MAX_XML_SECTIONS",
      MAX_XML_SECTIONS,
      (n: number) => `<a><![CDATA[]]><?p?>${"<!--c-->".repeat(n - 2)}</a>`,
    ],
  ])("takes as much as %s, not more", (limit, max, text) => {
    expect(() => parse(text(max))).not.toThrow();
    expect(faultOf(() => parse(text(max + 1)))).toMatchObject({ kind: "limit", details: { limit } });
  });

  it("makes lists of the elements it is told to, however many there are", () => {
    const arrays = ["orders.order", "orders.order.line"];
    expect(parse("<orders><order><line>1</line></order></orders>", { arrays })).toEqual({
      orders: { order: [{ line: ["1"] }] },
    });
    expect(parse("<orders><order/><order/><line/></orders>", { arrays })).toEqual({
      orders: { order: ["", ""], line: "" },
    });
  });

  it("reads numbers when asked, and only those that keep every character", () => {
    const text =
      "<a n='-2'><b>12</b><b>1.5</b><b>0</b><b>007</b><b>1.50</b><b>-0</b><b>1e3</b><b> 1</b><b/><b>12345678901234567890</b><b>x</b></a>";
    expect(parse(text, { numbers: true })).toEqual({
      a: { "@n": -2, b: [12, 1.5, 0, "007", "1.50", "-0", "1e3", " 1", "", "12345678901234567890", "x"] },
    });
  });

  it("keeps elements called __proto__ and constructor as plain data", () => {
    const value = parse(
      "<constructor><__proto__>1</__proto__><__proto__>2</__proto__><prototype x='1'/></constructor>",
    );
    expect(JSON.stringify(value)).toBe('{"constructor":{"__proto__":["1","2"],"prototype":{"@x":"1"}}}');
    expect(Object.getPrototypeOf((value as JsonObject).constructor)).toBe(Object.prototype);
    expect(JSON.stringify(parse("<__proto__><a/></__proto__>"))).toBe('{"__proto__":{"a":""}}');
  });

  it("keeps no state between texts", () => {
    expect(() => parse("<a><b>")).toThrow(FormatError);
    expect(parse("<a><b/></a>")).toEqual({ a: { b: "" } });
  });
});

describe("formatXml", () => {
  it.each<[Json, string]>([
    [{ a: "x" }, "<a>x</a>"],
    [{ a: "" }, "<a/>"],
    [{ a: null }, "<a/>"],
    [{ a: {} }, "<a/>"],
    [{ a: 1.5 }, "<a>1.5</a>"],
    [{ a: true }, "<a>true</a>"],
    [{ a: { b: [1, 2], c: [] } }, "<a><b>1</b><b>2</b></a>"],
    [{ a: { "@id": 7, "#text": "x" } }, '<a id="7">x</a>'],
    [{ a: { "@id": null } }, "<a/>"],
    [{ a: { b: null, "#text": "x" } }, "<a>x<b/></a>"],
    [{ a: "<&>\"']]>" }, "<a>&lt;&amp;&gt;\"']]&gt;</a>"],
    [{ a: { "@b": "\"<\n\t'" } }, '<a b="&quot;&lt;&#10;&#9;\'"/>'],
    [{ a: "x\ry" }, "<a>x&#13;y</a>"],
  ])("writes %j", (value, text) => {
    expect(format(value)).toBe(text);
  });

  it("writes a declaration unless told not to, and a root when told to", () => {
    expect(format({ b: 1 }, { declaration: true, root: "a" })).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><a><b>1</b></a>',
    );
    expect(format("x", { root: "a" })).toBe("<a>x</a>");
  });

  it.each<[Json, string, string]>([
    ["x", "", "one field for the root"],
    [{}, "", "one field for the root"],
    [{ a: 1, b: 2 }, "", "one field for the root"],
    [[{ a: 1 }], "", "one field for the root"],
    [{ a: [1, 2] }, "a", "is a list where XML has one element"],
    [{ a: { b: [[1]] } }, "a.b[0]", "is a list where XML has one element"],
    [{ a: { "b c": 1 } }, 'a["b c"]', "no name for an XML element"],
    [{ a: { "1": 1 } }, 'a["1"]', "no name for an XML element"],
    [{ a: { "": 1 } }, 'a[""]', "no name for an XML element"],
    [{ a: { "b><c": 1 } }, 'a["b><c"]', "no name for an XML element"],
    [{ a: { "@b c": 1 } }, 'a["@b c"]', "no name for an XML attribute"],
    [{ a: { "@b": {} } }, 'a["@b"]', "where XML has only text"],
    [{ a: { "#text": [] } }, 'a["#text"]', "where XML has only text"],
    [{ a: { b: "\u0000" } }, "a.b", "control character"],
    [{ a: { b: "\ud800" } }, "a.b", "half a surrogate pair"],
    [{ a: { "@b": "\u001f" } }, 'a["@b"]', "control character"],
  ])("refuses %j", (value, path, reason) => {
    const error = faultOf(() => format(value));
    expect(error).toMatchObject({ format: "xml", kind: "unsupported", path });
    expect(error.reason).toContain(reason);
  });

  it("takes 100 levels, not 101", () => {
    const nested = (levels: number) => {
      let value: Json = "x";
      for (let i = 0; i < levels; i++) value = { a: value };
      return value;
    };
    expect(() => format(nested(MAX_XML_DEPTH))).not.toThrow();
    expect(faultOf(() => format(nested(MAX_XML_DEPTH + 1)))).toMatchObject({ kind: "limit" });
  });
});

/** Values that the convention writes in one way only, so that reading gives back the same. */
const name = fc.stringMatching(/^[A-Za-z_é][A-Za-z0-9_.é-]{0,6}$/);
const text = fc.string({
  unit: fc.constantFrom(
    "a",
    " ",
    "<",
    "&",
    ">",
    '"',
    "'",
    "]",
    "\n",
    "\r",
    "\t",
    "é",
    "😀",
    ";",
    "&amp;",
    "1",
  ),
});
const trimmed = text.map((value) => `x${value}x`);
const { element } = fc.letrec<{ element: Json; object: JsonObject }>((tie) => ({
  element: fc.oneof({ maxDepth: 4 }, text, tie("object")),
  object: fc
    .record({
      attributes: fc.dictionary(name, text, { maxKeys: 3 }),
      children: fc.dictionary(
        name,
        fc.oneof(tie("element"), fc.array(tie("element"), { minLength: 2, maxLength: 3 })),
        { maxKeys: 3 },
      ),
      own: fc.option(trimmed),
    })
    .map(({ attributes, children, own }) => {
      const value: JsonObject = {};
      for (const key of Object.keys(attributes)) value[`@${key}`] = attributes[key] as string;
      for (const key of Object.keys(children)) value[key] = children[key] as Json;
      // An object needs more than a text, or it would be the text.
      if (own !== null || Object.keys(value).length === 0) value["@x"] = "1";
      if (own !== null) value["#text"] = own;
      return value;
    }),
}));

describe("formatXml and parseXml", () => {
  it("are inverse of each other", () => {
    fc.assert(
      fc.property(name, element, (root, value) => {
        expect(parse(format({ [root]: value }))).toEqual({ [root]: value });
      }),
      { numRuns: 300 },
    );
  });

  it("read or refuse any text, and what was read can be written and read again", () => {
    const piece = fc.constantFrom(
      "<a>",
      "</a>",
      "<b/>",
      "<a b='1'>",
      "x",
      " ",
      "&amp;",
      "&",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<?p ?>",
      "'",
      '"',
      "<",
      ">",
      "/>",
      "<!DOCTYPE a>",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        let value: Json;
        try {
          value = parse(`<r>${pieces.join("")}</r>`);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          return;
        }
        expect(parse(format(value))).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });
});
