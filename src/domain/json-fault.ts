import { placeAt } from "./format-error";

/**
 * Says where and why a text is not JSON, in our words. The engine's own messages differ between versions, often lack
 * the position and quote the input. Runs only after `JSON.parse` has refused, and without recursion, since a hostile
 * text may be nested as deeply as it is long.
 */
export function findJsonFault(text: string): { reason: string; line?: number; column?: number } {
  const fault = new Scanner(text).run();
  if (fault === undefined) return { reason: "is not valid JSON" };
  return { reason: fault.reason, ...placeAt(text, fault.at) };
}

interface Fault {
  at: number;
  reason: string;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A number that ends where its next digit is due; one longer than this is not worth telling apart. */
const HALF_NUMBER = /^-?(?:(?:0|[1-9]\d*)(?:\.|(?:\.\d+)?[eE][+-]?))?$/;
const MAX_NUMBER_SEEN = 400;
const WORD = /[\p{L}\p{N}_$.+-]+/uy;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Fault | undefined {
    if (this.#text.charCodeAt(0) === 0xfeff)
      return { at: 0, reason: "starts with a byte order mark; send it without" };
    this.#space();
    if (this.#at >= this.#text.length) return { at: this.#at, reason: "is empty where JSON was expected" };
    return this.#document();
  }

  #document(): Fault | undefined {
    const open: ("{" | "[")[] = [];
    for (;;) {
      // A value is due here.
      this.#space();
      const char = this.#text[this.#at];
      if (char === "{" || char === "[") {
        this.#at++;
        this.#space();
        if (this.#text[this.#at] !== (char === "{" ? "}" : "]")) {
          open.push(char);
          const fault = char === "{" ? this.#key() : undefined;
          if (fault) return fault;
          continue;
        }
        this.#at++;
      } else {
        const fault = this.#scalar();
        if (fault) return fault;
      }
      // A value has ended: close what closes, then a comma or the end.
      for (;;) {
        this.#space();
        const inside = open.at(-1);
        const next = this.#text[this.#at];
        if (inside === undefined) {
          return next === undefined
            ? undefined
            : this.#unexpected("there is more after the end of the document");
        }
        if (next === (inside === "{" ? "}" : "]")) {
          open.pop();
          this.#at++;
          continue;
        }
        if (next !== ",") {
          const close = inside === "{" ? "}" : "]";
          return this.#unexpected(`a comma or ${close} is missing`);
        }
        this.#at++;
        this.#space();
        const fault = inside === "{" ? this.#key() : this.#noTrailingComma("]");
        if (fault) return fault;
        break;
      }
    }
  }

  /** A key and its colon. */
  #key(): Fault | undefined {
    const char = this.#text[this.#at];
    if (char !== '"')
      return this.#noTrailingComma("}") ?? this.#unexpected("a key in double quotes is missing");
    const fault = this.#string();
    if (fault) return fault;
    this.#space();
    if (this.#text[this.#at] !== ":") return this.#unexpected("a colon is missing after a key");
    this.#at++;
    return undefined;
  }

  #noTrailingComma(close: string): Fault | undefined {
    if (this.#text[this.#at] !== close) return undefined;
    return { at: this.#at, reason: `a comma stands before ${close}; remove it` };
  }

  #scalar(): Fault | undefined {
    const char = this.#text[this.#at];
    if (char === '"') return this.#string();
    for (const word of ["true", "false", "null"]) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return undefined;
      }
    }
    if (char !== undefined && (char === "-" || (char >= "0" && char <= "9"))) return this.#number();
    return this.#unexpected("a value is missing");
  }

  #number(): Fault | undefined {
    const start = this.#at;
    NUMBER.lastIndex = start;
    const length = NUMBER.exec(this.#text)?.[0].length ?? 0;
    WORD.lastIndex = start;
    const written = WORD.exec(this.#text)?.[0].length ?? 0;
    if (length === 0 || written > length) {
      if (HALF_NUMBER.test(this.#text.slice(start, start + MAX_NUMBER_SEEN)))
        return this.#cutOff(this.#text.length);
      return {
        at: start,
        reason: "this is not a JSON number; write it like 12, -0.5 or 1e3, or as a string",
      };
    }
    this.#at += length;
    return undefined;
  }

  #string(): Fault | undefined {
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return undefined;
      }
      if (code < 0x20)
        return { at, reason: "a control character stands in a string; escape it, as in \\n or \\u0000" };
      if (code === 0x5c) {
        ESCAPE.lastIndex = at;
        const escaped = ESCAPE.exec(this.#text)?.[0];
        if (escaped === undefined) {
          if (at + 6 > this.#text.length && this.#text.indexOf('"', at) === -1) break;
          return { at, reason: "a backslash starts no known escape; double it to mean a backslash" };
        }
        at += escaped.length - 1;
      }
    }
    return this.#cutOff(this.#text.length);
  }

  #cutOff(at: number): Fault {
    return { at, reason: "ends in the middle; send the whole document" };
  }

  /** The complaint about what stands here instead of what was due; common slips get their own words. */
  #unexpected(otherwise: string): Fault {
    const at = this.#at;
    const char = this.#text[at];
    if (char === undefined) return this.#cutOff(at);
    const pair = this.#text.slice(at, at + 2);
    if (pair === "//" || pair === "/*" || char === "#") {
      return { at, reason: "comments are not allowed in JSON; remove them" };
    }
    if (char === "'") return { at, reason: "single quotes are not allowed in JSON; use double quotes" };
    return { at, reason: otherwise };
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }
}
