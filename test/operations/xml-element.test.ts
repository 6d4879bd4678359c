import { describe, expect, test } from "vitest";
import { MAX_XML_DEPTH } from "../../src/domain/limits";
import { readXmlElement, writeXmlDocument, type XmlElement, xmlText } from "../../src/operations/xml-element";

const read = (text: string) => readXmlElement(text, "The text");
const names = (element: XmlElement) => element.children.map(({ namespace, name }) => [namespace, name]);

describe("reading", () => {
  test("gives prefixes the namespace of the nearest declaration", () => {
    const root = read(
      '<a:r xmlns:a="one" xmlns="two"><a:x/><y/><z xmlns=""><b/></z><a:w xmlns:a="three"><a:v/></a:w></a:r>',
    );
    expect([root.namespace, root.name]).toEqual(["one", "r"]);
    expect(names(root)).toEqual([
      ["one", "x"],
      ["two", "y"],
      ["", "z"],
      ["three", "w"],
    ]);
    const [, , z, w] = root.children as [XmlElement, XmlElement, XmlElement, XmlElement];
    expect(names(z)).toEqual([["", "b"]]);
    expect(names(w)).toEqual([["three", "v"]]);
  });

  test("tells a prefix that nobody declared from no namespace", () => {
    const root = read("<r><p:x/><y/><xml:z/></r>");
    expect(names(root)).toEqual([
      [undefined, "x"],
      ["", "y"],
      ["http://www.w3.org/XML/1998/namespace", "z"],
    ]);
  });

  test("puts no attribute into the default namespace, and keeps declarations out", () => {
    const root = read('<r xmlns="one" xmlns:p="two" a="1" p:b="2" q:c="3">text</r>');
    expect(root.attributes).toEqual([
      { namespace: "", name: "a", value: "1" },
      { namespace: "two", name: "b", value: "2" },
      { namespace: undefined, name: "c", value: "3" },
    ]);
    expect(root.text).toBe("text");
  });

  test("keeps text as it is, and every element of the same name", () => {
    const root = read("<r><x> a &amp; b </x><x><![CDATA[<c>]]></x><__proto__>p</__proto__></r>");
    expect(root.children.map(({ name, text }) => [name, text])).toEqual([
      ["x", " a & b "],
      ["x", "<c>"],
      ["__proto__", "p"],
    ]);
  });

  test.each(["", "<a>", "<!DOCTYPE a><a/>", "<a>&b;</a>", "<a/><b/>", `${"<a>".repeat(MAX_XML_DEPTH + 1)}`])(
    "refuses %j",
    (text) => expect(() => read(text)).toThrow(/^The text: /),
  );
});

test("what is written reads the same", () => {
  const text = 'a < b & "c" ]]> \r\n\u{1f600}';
  const written = writeXmlDocument({
    "p:r": { "@xmlns:p": "one", "@a": text, "p:x": [text, { "#text": "" }] },
  });
  const root = read(written);
  expect(root.attributes).toEqual([{ namespace: "", name: "a", value: text }]);
  expect(root.children.map((child) => [child.namespace, child.text])).toEqual([
    ["one", text],
    ["one", ""],
  ]);
});

test("characters that XML cannot hold are shown as such", () => {
  expect(xmlText("a\u0000b\ud800c\uffffd\te")).toBe("a\ufffdb\ufffdc\ufffdd\te");
});
