import { FormatError, placeAt, quote } from "../../domain/format-error";
import {
  MAX_XML_ATTRIBUTES,
  MAX_XML_DEPTH,
  MAX_XML_ELEMENTS,
  MAX_XML_NAME,
  MAX_XML_SECTIONS,
} from "../../domain/limits";
import { FORBIDDEN_CHARACTERS, isXmlCharacter, NAME } from "./xml-characters";

/**
 * Reads an XML text once, in linear time and without building anything, and refuses whatever is not a plain, well-formed
 * document within our limits. Only then does the parser see it.
 *
 * Invariants:
 * 1. The parser is lenient (it takes mismatched tags, several roots, unknown entities) and so never decides.
 * 2. No declarations: `<!` begins a comment or CDATA or the text is refused. Without a DTD there are no entities to
 *    expand and nothing to load from outside.
 * 3. What comes out has elements, text and CDATA only. Comments, processing instructions and the XML declaration are
 *    cut out, since the parser tokenizes quotes in them differently.
 * 4. Every position that is searched for ahead (`&`, `]]>`) is remembered until passed; a search per element would be
 *    quadratic.
 */
export function guardXml(text: string, what: string): string {
  return new Guard(text, what).run();
}

const SPACE = "[ \\t\\r\\n]";

const name = new RegExp(NAME, "uy");
const attribute = new RegExp(`${SPACE}+(${NAME})${SPACE}*=${SPACE}*(?:"([^<"]*)"|'([^<']*)')`, "uy");
const tagEnd = new RegExp(`${SPACE}*(/?>)`, "y");
const reference = /&(?:(?:amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9a-fA-F]{1,6}));/y;
const declaration = new RegExp(
  `^<\\?xml${SPACE}+version${SPACE}*=${SPACE}*["']1\\.[0-9]["'](?:${SPACE}+encoding${SPACE}*=${SPACE}*["']([A-Za-z][\\w.-]*)["'])?` +
    `(?:${SPACE}+standalone${SPACE}*=${SPACE}*["'](?:yes|no)["'])?${SPACE}*\\?>`,
);
/** Encodings that say the same as UTF-8 for every text. */
const SAME_AS_UTF8 = new Set(["utf-8", "utf8", "us-ascii", "ascii"]);
/** Encodings that agree with UTF-8 as long as the text is ASCII. */
const ASCII_COMPATIBLE = /^(?:iso-8859-\d{1,2}|windows-125\d|latin1)$/;
/** Longest XML declaration, in characters: the regular expression sees no more. */
const MAX_DECLARATION = 200;

class Guard {
  readonly #text: string;
  readonly #what: string;
  readonly #open: string[] = [];
  readonly #kept: string[] = [];
  /** Where the piece of text begins that is kept next. */
  #keptFrom = 0;
  #at = 0;
  #elements = 0;
  #sections = 0;
  #nextReference = -1;
  #nextCdataEnd = -1;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  run(): string {
    const text = this.#text;
    const forbidden = text.search(FORBIDDEN_CHARACTERS);
    if (forbidden !== -1)
      this.#refuse("has a control character that XML does not allow; remove it", forbidden);
    if (text.charCodeAt(0) === 0xfeff) this.#keptFrom = this.#at = 1;
    this.#declaration();
    while (this.#at < text.length) {
      const next = text.indexOf("<", this.#at);
      this.#characters(next === -1 ? text.length : next);
      if (next === -1) break;
      this.#at = next;
      this.#markup();
    }
    const unclosed = this.#open.at(-1);
    if (unclosed !== undefined)
      this.#refuse(`ends before </${short(unclosed)}>; close every element`, text.length);
    if (this.#elements === 0) this.#refuse("is empty where an XML document was expected", this.#at);
    this.#cut(text.length, text.length);
    return this.#kept.join("");
  }

  #declaration(): void {
    if (
      !this.#text.startsWith("<?xml", this.#at) ||
      !/^[ \t\r\n?]/.test(this.#text.slice(this.#at + 5, this.#at + 6))
    )
      return;
    const match = declaration.exec(this.#text.slice(this.#at, this.#at + MAX_DECLARATION));
    if (match === null)
      this.#refuse('has a broken XML declaration; write <?xml version="1.0" encoding="UTF-8"?>', this.#at);
    const encoding = match[1]?.toLowerCase();
    if (encoding !== undefined && !SAME_AS_UTF8.has(encoding)) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant.
      const agrees = ASCII_COMPATIBLE.test(encoding) && /^[\u0000-\u007f]*$/.test(this.#text);
      if (!agrees)
        this.#refuse(`declares the encoding ${quote(encoding)}; send it as UTF-8 and say so`, this.#at);
    }
    this.#cut(this.#at, this.#at + match[0].length);
  }

  /** Leaves out the characters from `start` to `end` and goes on behind them. */
  #cut(start: number, end: number): void {
    if (start > this.#keptFrom) this.#kept.push(this.#text.slice(this.#keptFrom, start));
    this.#keptFrom = this.#at = end;
  }

  /** Text between tags, up to `end`. */
  #characters(end: number): void {
    const text = this.#text;
    if (this.#open.length === 0) {
      for (let at = this.#at; at < end; at++) {
        const code = text.charCodeAt(at);
        if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) continue;
        this.#refuse(
          this.#elements === 0 ? "does not begin with an element" : "goes on after its root element",
          at,
        );
      }
      return;
    }
    if (this.#nextCdataEnd < this.#at) this.#nextCdataEnd = indexOrEnd(text, "]]>", this.#at);
    if (this.#nextCdataEnd < end) this.#refuse("has ]]> in a text; write ]]&gt;", this.#nextCdataEnd);
    this.#references(this.#at, end);
  }

  /** Refuses references to anything but the five entities of XML and characters that XML allows. */
  #references(start: number, end: number): void {
    if (this.#nextReference < start) this.#nextReference = indexOrEnd(this.#text, "&", start);
    while (this.#nextReference < end) {
      const at = this.#nextReference;
      reference.lastIndex = at;
      const match = reference.exec(this.#text);
      if (match === null) this.#refuse("has an & that begins no entity of XML; write &amp;", at);
      const code =
        match[1] !== undefined
          ? Number(match[1])
          : match[2] !== undefined
            ? Number.parseInt(match[2], 16)
            : 0x20;
      if (!isXmlCharacter(code)) this.#refuse("refers to a character that XML does not allow; remove it", at);
      this.#nextReference = indexOrEnd(this.#text, "&", at + 1);
    }
  }

  #markup(): void {
    const text = this.#text;
    const at = this.#at;
    const second = text[at + 1];
    if (second === "/") this.#closingTag();
    else if (second === "?") this.#instruction();
    else if (second !== "!") this.#openingTag();
    else if (text.startsWith("<!--", at)) {
      this.#section(at);
      const end = this.#find("--", at + 4, "a comment");
      if (text[end] !== ">") this.#refuse("has -- inside a comment; remove it", end - 2);
      this.#cut(at, end + 1);
    } else if (text.startsWith("<![CDATA[", at)) {
      if (this.#open.length === 0) this.#refuse("has text outside its root element", at);
      this.#section(at);
      this.#at = this.#find("]]>", at + 9, "a CDATA section");
    } else {
      this.#refuse(
        "has a declaration such as <!DOCTYPE>; document types and entities are not allowed, remove it",
        at,
      );
    }
  }

  /** Counts a comment, a CDATA section or a processing instruction. */
  #section(at: number): void {
    if (++this.#sections <= MAX_XML_SECTIONS) return;
    const reason = `has more comments, CDATA sections and processing instructions than the limit of ${MAX_XML_SECTIONS}`;
    this.#exceed(reason, "MAX_XML_SECTIONS", at);
  }

  /** Of a name that closes a tag nothing need be asked: it is the one that opened it. */
  #checkName(found: string, at: number): void {
    if (found.length <= MAX_XML_NAME) return;
    this.#exceed(`has a name longer than the limit of ${MAX_XML_NAME} characters`, "MAX_XML_NAME", at);
  }

  #instruction(): void {
    const at = this.#at;
    this.#section(at);
    const end = this.#find("?>", at + 2, "a processing instruction");
    name.lastIndex = at + 2;
    const target = name.exec(this.#text)?.[0];
    if (target === undefined) this.#refuse("has a processing instruction without a name", at);
    if (target.toLowerCase() === "xml")
      this.#refuse("has an XML declaration that is not at its very beginning", at);
    this.#cut(at, end);
  }

  #openingTag(): void {
    const text = this.#text;
    const start = this.#at;
    name.lastIndex = start + 1;
    const tag = name.exec(text)?.[0];
    if (tag === undefined) this.#refuse("has a < that begins no tag; write &lt;", start);
    this.#checkName(tag, start);
    if (this.#open.length === 0 && this.#elements > 0)
      this.#refuse("has two root elements; wrap them in one", start);
    if (++this.#elements > MAX_XML_ELEMENTS) {
      this.#exceed(`has more elements than the limit of ${MAX_XML_ELEMENTS}`, "MAX_XML_ELEMENTS", start);
    }
    if (this.#open.length >= MAX_XML_DEPTH) {
      this.#exceed(`is nested deeper than the limit of ${MAX_XML_DEPTH} elements`, "MAX_XML_DEPTH", start);
    }
    this.#at = name.lastIndex;
    this.#attributes(start);
    tagEnd.lastIndex = this.#at;
    const end = tagEnd.exec(text)?.[1];
    if (end === undefined) this.#refuse(`has a tag <${short(tag)} …> that is not well-formed`, this.#at);
    this.#at = tagEnd.lastIndex;
    if (end === ">") this.#open.push(tag);
  }

  #attributes(start: number): void {
    let names: Set<string> | undefined;
    let first: string | undefined;
    for (let count = 1; ; count++) {
      attribute.lastIndex = this.#at;
      const match = attribute.exec(this.#text);
      if (match === null) return;
      if (count > MAX_XML_ATTRIBUTES) {
        this.#exceed(
          `has an element with more attributes than the limit of ${MAX_XML_ATTRIBUTES}`,
          "MAX_XML_ATTRIBUTES",
          start,
        );
      }
      const key = match[1] as string;
      this.#checkName(key, start);
      // A set is needed from the second attribute on only.
      if (first === undefined) first = key;
      else {
        names ??= new Set([first]);
        if (names.has(key)) this.#refuse(`has the attribute ${short(key)} twice on one element`, this.#at);
        names.add(key);
      }
      this.#references(this.#at, attribute.lastIndex);
      this.#at = attribute.lastIndex;
    }
  }

  #closingTag(): void {
    const start = this.#at;
    const expected = this.#open.pop();
    name.lastIndex = start + 2;
    const tag = name.exec(this.#text)?.[0];
    tagEnd.lastIndex = name.lastIndex;
    const end = tag === undefined ? undefined : tagEnd.exec(this.#text)?.[1];
    if (tag === undefined || end !== ">") this.#refuse("has a closing tag that is not well-formed", start);
    if (expected === undefined) this.#refuse(`closes </${short(tag)}>, which is not open`, start);
    if (tag !== expected) this.#refuse(`closes </${short(tag)}> where </${short(expected)}> is due`, start);
    this.#at = tagEnd.lastIndex;
  }

  /** The position behind the next `mark`. */
  #find(mark: string, from: number, where: string): number {
    const found = this.#text.indexOf(mark, from);
    if (found === -1) this.#refuse(`ends inside ${where}; send the whole document`, this.#at);
    return found + mark.length;
  }

  #refuse(reason: string, at: number): never {
    throw new FormatError("xml", "malformed", this.#what, reason, placeAt(this.#text, at));
  }

  #exceed(reason: string, limit: string, at: number): never {
    throw new FormatError("xml", "limit", this.#what, reason, { limit, ...placeAt(this.#text, at) });
  }
}

function indexOrEnd(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? Number.POSITIVE_INFINITY : found;
}

function short(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
