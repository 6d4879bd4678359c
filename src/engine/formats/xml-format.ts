import { z } from "zod";
import { FormatError, quote } from "../../domain/format-error";
import { type Json, type JsonObject, joinPath } from "../../domain/json";
import { MAX_XML_DEPTH } from "../../domain/limits";
import { FORBIDDEN_CHARACTERS, isXmlName } from "./xml-characters";

/** The inverse of the convention in `xml.ts`. */
export const XmlFormatOptions = z.strictObject({
  root: z
    .string()
    .optional()
    .describe(
      "Name of the root element; the value is then its content. Without it the value is an object with one field, which is the root.",
    ),
  declaration: z.boolean().default(true).describe('Begin with `<?xml version="1.0" encoding="UTF-8"?>`.'),
});
export type XmlFormatOptions = z.output<typeof XmlFormatOptions>;

/**
 * Writes a value as an XML document. Numbers and booleans become text, null an empty element, an empty list nothing.
 * @throws {FormatError} for what XML cannot hold: names that are no XML names, control characters, lists in lists.
 */
export function formatXml(value: Json, options: XmlFormatOptions, what = "the value"): string {
  const writer: Writer = new Writer(what);
  if (options.root !== undefined) writer.element(options.root, value, "", 1);
  else {
    const names =
      typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
    const [root] = names;
    if (root === undefined || names.length !== 1) {
      writer.refuse(
        "is not an object with one field for the root element; set the option `root` or wrap it",
        "",
      );
    }
    writer.element(root, (value as JsonObject)[root] as Json, root, 1);
  }
  return (options.declaration ? '<?xml version="1.0" encoding="UTF-8"?>' : "") + writer.text;
}

class Writer {
  readonly #what: string;
  text = "";

  constructor(what: string) {
    this.#what = what;
  }

  /** One element with everything in it. */
  element(name: string, value: Json, path: string, depth: number): void {
    if (!isXmlName(name)) this.refuse(`${quote(name)} is no name for an XML element; rename the field`, path);
    if (depth > MAX_XML_DEPTH) {
      const reason = `is nested deeper than the limit of ${MAX_XML_DEPTH} elements`;
      throw new FormatError("xml", "limit", this.#what, reason, { path, limit: "MAX_XML_DEPTH" });
    }
    if (Array.isArray(value)) this.refuse("is a list where XML has one element; wrap it in an object", path);
    this.text += `<${name}`;
    if (typeof value !== "object" || value === null) this.#content(name, this.#scalar(value, path));
    else this.#object(name, value, path, depth);
  }

  #object(name: string, value: JsonObject, path: string, depth: number): void {
    let content = "";
    const children: string[] = [];
    for (const key of Object.keys(value)) {
      const field = value[key] as Json;
      if (key === "#text") content = this.#scalar(field, joinPath(path, key));
      else if (key.startsWith("@")) this.#attribute(key, field, joinPath(path, key));
      else children.push(key);
    }
    if (children.length === 0) {
      this.#content(name, content);
      return;
    }
    this.text += `>${content}`;
    for (const key of children) {
      const field = value[key] as Json;
      const at = joinPath(path, key);
      if (!Array.isArray(field)) this.element(key, field, at, depth + 1);
      else
        for (let i = 0; i < field.length; i++) this.element(key, field[i] as Json, `${at}[${i}]`, depth + 1);
    }
    this.text += `</${name}>`;
  }

  #content(name: string, content: string): void {
    this.text += content === "" ? "/>" : `>${content}</${name}>`;
  }

  #attribute(key: string, value: Json, path: string): void {
    const name = key.slice(1);
    if (!isXmlName(name))
      this.refuse(`${quote(name)} is no name for an XML attribute; rename the field`, path);
    // An attribute has no way to be null but to be absent.
    if (value === null) return;
    // Parsers turn line breaks and tabs of attributes into spaces unless they are references.
    const text = this.#scalar(value, path).replace(/["\n\t]/g, (char) =>
      char === '"' ? "&quot;" : `&#${char.charCodeAt(0)};`,
    );
    this.text += ` ${name}="${text}"`;
  }

  /** Text as it stands between tags. */
  #scalar(value: Json, path: string): string {
    if (typeof value === "object" && value !== null)
      this.refuse("is an object or list where XML has only text", path);
    if (typeof value !== "string") return value === null ? "" : String(value);
    if (FORBIDDEN_CHARACTERS.test(value) || !value.isWellFormed()) {
      this.refuse("has a control character or half a surrogate pair, which XML cannot hold; remove it", path);
    }
    // `>` too, so that `]]>` never appears; a carriage return as reference, since parsers turn it into a line feed.
    return value.replace(/[&<>\r]/g, (char) => ESCAPES[char] as string);
  }

  refuse(reason: string, path: string): never {
    throw new FormatError("xml", "unsupported", this.#what, reason, { path });
  }
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;" };
