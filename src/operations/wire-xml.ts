import { type Json, type JsonObject, setOwn } from "../domain/json";
import { MAX_XML_NAME } from "../domain/limits";
import { formats } from "../engine/formats";
import { xmlText } from "./xml-element";

/*
 * XML of the v1 API. The seed promises JSON and XML of the same answers and prints none of the latter; this is how the
 * framework that it names so faithfully (“support for common APIs for Active Record”) writes them:
 * - the root is `response`; what a list holds are `item` elements;
 * - a key that is no XML name becomes `<item name="the key">`, so nothing is lost;
 * - null is an empty element, numbers and booleans are their text.
 */

const ROOT = "response";
const ITEM = "item";
const NAME = "@name";
const XML_NAME = /^[\p{L}_][\p{L}\p{N}._-]*$/u;

/** Names that are too long to be read again are written as others that XML does not take. */
function isElementName(key: string): boolean {
  return key.length <= MAX_XML_NAME && XML_NAME.test(key) && !/^xml/i.test(key);
}

/** An answer as an XML document. */
export function writeWireXml(value: Json): string {
  return formats.xml.format({ [ROOT]: toElement(value) }, { declaration: true }, "the answer");
}

function toElement(value: Json): Json {
  if (typeof value === "string") return xmlText(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.length === 0 ? "" : { [ITEM]: value.map(listItem) };
  const element: JsonObject = {};
  const odd: Json[] = [];
  for (const [key, field] of Object.entries(value)) {
    // A list directly below keeps its own element, with items in it: otherwise a list of one would read as its one value.
    if (key !== ITEM && isElementName(key)) setOwn(element, key, toElement(field));
    else odd.push(named(key, toElement(field)));
  }
  if (odd.length > 0) element[ITEM] = odd;
  return element;
}

/** Lists in lists are items in items. */
function listItem(value: Json): Json {
  return toElement(value);
}

function named(key: string, content: Json): Json {
  const name = xmlText(key);
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return { [NAME]: name, ...content };
  return content === null || content === "" ? { [NAME]: name } : { [NAME]: name, "#text": content };
}

/**
 * A body that came as XML, in the same convention: the root's content, an element that has only `item` elements as a list,
 * `<item name="…">` under its name. Texts stay texts: what they mean is for whoever takes the data to say.
 * @throws FormatError for what is not well-formed, has a document type or passes a limit
 */
export function readWireXml(text: string, what: string): { root: string; value: Json } {
  const document = formats.xml.parse(text, { arrays: [], numbers: false }, what) as JsonObject;
  const [root = ""] = Object.keys(document);
  return { root, value: fromElement(document[root] as Json) };
}

function fromElement(element: Json): Json {
  if (Array.isArray(element)) return element.map(fromElement);
  if (typeof element !== "object" || element === null) return element;
  const fields: JsonObject = {};
  const items: Json[] = [];
  let others = 0;
  for (const [key, field] of Object.entries(element)) {
    // Namespace declarations are no data.
    if (key === "@xmlns" || key.startsWith("@xmlns:") || key === NAME) continue;
    if (key !== ITEM) {
      others += 1;
      setOwn(fields, key, fromElement(field));
      continue;
    }
    for (const each of Array.isArray(field) ? field : [field]) {
      const name = nameOf(each);
      if (name === undefined) items.push(fromElement(each));
      else {
        others += 1;
        setOwn(fields, name, contentOf(each as JsonObject));
      }
    }
  }
  if (items.length === 0) return fields;
  if (others === 0) return items;
  return { ...fields, [ITEM]: items.length === 1 ? (items[0] as Json) : items };
}

function nameOf(element: Json): string | undefined {
  if (typeof element !== "object" || element === null || Array.isArray(element)) return undefined;
  const name = Object.hasOwn(element, NAME) ? element[NAME] : undefined;
  return typeof name === "string" ? name : undefined;
}

function contentOf(element: JsonObject): Json {
  const { [NAME]: _, ...rest } = element;
  const keys = Object.keys(rest);
  if (keys.length === 0) return "";
  return keys.length === 1 && keys[0] === "#text" ? (rest["#text"] as Json) : fromElement(rest);
}
