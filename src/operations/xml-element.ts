import type { Json, JsonObject } from "../domain/json";
import { formats } from "../engine/formats";

/*
 * XML as its namespaces mean it, for messages whose senders choose prefixes and order (SOAP). Reading is behind the same
 * guard as all XML: no document types, no entities, bounds for depth, elements and attributes.
 */

/** A namespace: its URI, "" for none, `undefined` for a prefix that nobody declared. */
export type XmlNamespace = string | undefined;

export interface XmlAttribute {
  namespace: XmlNamespace;
  name: string;
  value: string;
}

export interface XmlElement {
  namespace: XmlNamespace;
  /** Without a prefix. */
  name: string;
  attributes: readonly XmlAttribute[];
  /** Those with the same name and prefix stand together, otherwise in the document's order. */
  children: readonly XmlElement[];
  /** What stands directly in it. */
  text: string;
}

/** Prefixes that an element declares; others are looked up outwards. Copying them inwards would cost a square. */
interface Scope {
  declared: ReadonlyMap<string, string>;
  outer: Scope | undefined;
}

const OUTERMOST: Scope = {
  declared: new Map([
    ["", ""],
    ["xml", "http://www.w3.org/XML/1998/namespace"],
  ]),
  outer: undefined,
};

/** @throws FormatError for what is not well-formed, has a document type or passes a limit */
export function readXmlElement(text: string, what: string): XmlElement {
  const document = formats.xml.parse(text, { arrays: [], numbers: false }, what) as JsonObject;
  const [root = ""] = Object.keys(document);
  return elementOf(root, document[root] as Json, OUTERMOST);
}

function elementOf(tag: string, content: Json, outer: Scope): XmlElement {
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    return { ...resolved(tag, outer), attributes: [], children: [], text: String(content ?? "") };
  }
  const scope = scopeOf(content, outer);
  const attributes: XmlAttribute[] = [];
  const children: XmlElement[] = [];
  let text = "";
  for (const [key, value] of Object.entries(content)) {
    if (key === "#text") text = String(value);
    else if (!key.startsWith("@")) {
      for (const each of Array.isArray(value) ? value : [value]) children.push(elementOf(key, each, scope));
    } else if (key !== "@xmlns" && !key.startsWith("@xmlns:")) {
      const name = key.slice(1);
      // An attribute without a prefix is in no namespace, whatever the default is.
      const place = name.includes(":") ? resolved(name, scope) : { namespace: "", name };
      attributes.push({ ...place, value: String(value) });
    }
  }
  return { ...resolved(tag, scope), attributes, children, text };
}

function scopeOf(element: JsonObject, outer: Scope): Scope {
  let declared: Map<string, string> | undefined;
  for (const [key, value] of Object.entries(element)) {
    if (key !== "@xmlns" && !key.startsWith("@xmlns:")) continue;
    declared ??= new Map();
    declared.set(key.slice("@xmlns:".length), String(value));
  }
  return declared === undefined ? outer : { declared, outer };
}

function resolved(tag: string, scope: Scope): { namespace: XmlNamespace; name: string } {
  const colon = tag.indexOf(":");
  const prefix = colon < 0 ? "" : tag.slice(0, colon);
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const namespace = at.declared.get(prefix);
    if (namespace !== undefined) return { namespace, name: tag.slice(colon + 1) };
  }
  return { namespace: undefined, name: tag.slice(colon + 1) };
}

/** Characters that XML cannot hold even as references; they become the character for what cannot be shown. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are meant
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

/** A text as XML can hold it. */
export function xmlText(text: string): string {
  return text.replace(FORBIDDEN, "\ufffd");
}

/**
 * Writes a document: attributes are keys that begin with `@`, text is `#text`, an array is the element several times.
 * @param document an object with one field, the root
 */
export function writeXmlDocument(document: JsonObject): string {
  return formats.xml.format(document, { declaration: true }, "the document");
}
