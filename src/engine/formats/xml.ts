import { XMLParser } from "fast-xml-parser";
import { z } from "zod";
import { exactNumber } from "../../domain/decimal";
import { FormatError } from "../../domain/format-error";
import { type Json, type JsonObject, setOwn } from "../../domain/json";
import { guardXml } from "./xml-guard";

/**
 * XML as JSON, by one convention, which `xml-format.ts` inverts:
 *
 * | XML | JSON |
 * |---|---|
 * | the root `<order>…</order>` | `{ "order": … }` |
 * | an element with text only | the text, to the letter; an empty element is `""` |
 * | child elements | fields by name; repeated ones become a list, in order |
 * | an attribute `id="7"` | a field `"@id": "7"` |
 * | text beside attributes or children | a field `"#text"`; beside children its outer white space is dropped |
 *
 * Prefixes stay part of the names and `xmlns` is an attribute like others, so nothing is lost; XInclude is data.
 * Comments and processing instructions are dropped. The order between different children is not kept.
 */
export const XmlParseOptions = z.strictObject({
  arrays: z
    .array(z.string().min(1))
    .max(100)
    .default([])
    .describe(
      "Elements that always become a list, even when there is only one: paths of element names from the root down, such as `orders.order`.",
    ),
  numbers: z
    .boolean()
    .default(false)
    .describe(
      "Turn texts and attributes that are plain decimal numbers into numbers. What would lose digits or zeros (`007`, `1.50`, 20 digits) stays text.",
    ),
});
export type XmlParseOptions = z.output<typeof XmlParseOptions>;

/** The parser's output in document order: one key with the children, and the attributes under `:@`. */
type Node = { [name: string]: Node[] | string } & { ":@"?: Record<string, string> };

const TEXT = "#text";
const ATTRIBUTES = ":@";
/**
 * Before every element name on its way through the parser, which would refuse `constructor` and `__proto__`. No XML name
 * begins with it.
 */
const MARK = "-";

// The guard has vouched for the text; what remains for the parser is to build the tree. It is asked for the order of
// the document and no conversions, since its own folding into objects joins texts that we keep apart.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: true,
  jPath: false,
  maxNestedTags: Number.MAX_SAFE_INTEGER,
  // The parser asks twice for an element that closes itself.
  transformTagName: (name) => (name.startsWith(MARK) ? name : MARK + name),
  entityDecoder: {
    decode: decodeReferences,
    reset() {},
    setXmlVersion() {},
    addInputEntities() {},
    setExternalEntities() {},
  },
});

/**
 * Reads an XML document.
 * @throws {FormatError} for anything that is not well-formed, has a document type or passes a limit.
 */
export function parseXml(text: string, options: XmlParseOptions, what = "the XML"): Json {
  const safe = guardXml(text, what);
  let nodes: Node[];
  try {
    nodes = parser.parse(safe) as Node[];
  } catch {
    // Not expected after the guard; the library's words may quote the input at length, so they are not repeated.
    throw new FormatError("xml", "malformed", what, "is not well-formed XML");
  }
  const root = nodes.find((node) => keyOf(node) !== TEXT) as Node;
  const key = keyOf(root);
  const name = key.slice(MARK.length);
  const result: JsonObject = {};
  setOwn(result, name, new Reader(options).element(root, key, name));
  return result;
}

/** The key that holds a node's children: its marked name, or TEXT. */
function keyOf(node: Node): string {
  for (const key in node) if (key !== ATTRIBUTES) return key;
  return TEXT;
}

class Reader {
  readonly #arrays: ReadonlySet<string>;
  readonly #numbers: boolean;

  constructor(options: XmlParseOptions) {
    this.#arrays = new Set(options.arrays);
    this.#numbers = options.numbers;
  }

  element(node: Node, key: string, path: string): Json {
    const children = node[key] as Node[];
    const attributes = node[ATTRIBUTES] as unknown as Record<string, string> | undefined;
    const result: JsonObject = {};
    let text = "";
    let elements = 0;
    for (const name in attributes) result[name] = this.#scalar(attributes[name] as string);
    for (const child of children) {
      const childKey = keyOf(child);
      if (childKey === TEXT) {
        text += child[TEXT] as string;
        continue;
      }
      elements++;
      const name = childKey.slice(MARK.length);
      // Paths are only built when some were asked for.
      const childPath = this.#arrays.size > 0 ? `${path}.${name}` : "";
      this.#add(result, name, this.element(child, childKey, childPath), this.#arrays.has(childPath));
    }
    if (elements > 0) text = trimSpace(text);
    else if (attributes === undefined) return this.#scalar(text);
    if (text !== "") result[TEXT] = this.#scalar(text);
    return result;
  }

  #add(result: JsonObject, name: string, value: Json, list: boolean): void {
    const present = Object.hasOwn(result, name) ? result[name] : undefined;
    if (present === undefined) setOwn(result, name, list ? [value] : value);
    // An element's value is never a list itself, so a list can only be one made here.
    else if (Array.isArray(present)) present.push(value);
    else setOwn(result, name, [present, value]);
  }

  #scalar(text: string): Json {
    if (!this.#numbers || text === "") return text;
    return /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/.test(text) && text !== "-0"
      ? (exactNumber(text) ?? text)
      : text;
  }
}

/** Without XML's white space at both ends; `trim` would also take spaces that are content, such as U+00A0. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.includes(text[start] as string)) start++;
  while (end > start && SPACE.includes(text[end - 1] as string)) end--;
  return text.slice(start, end);
}

const SPACE = " \t\r\n";
const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodeReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));/g, (all, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name] ?? all;
    return String.fromCodePoint(hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
}
