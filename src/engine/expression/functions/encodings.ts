import { ExpressionError } from "../errors";
import type { Runtime } from "../runtime";
import { boundString } from "../values";
import type { Definition, Definitions } from "./library";

/** URL functions fail alike on text that cannot be encoded or decoded. */
function url(name: string, of: (text: string) => string): Definition {
  return {
    signature: "<s-:s>",
    arity: 1,
    kind: "string",
    call: ([text], rt) => {
      if (text === undefined) return undefined;
      boundString(rt, (text as string).length * 3);
      try {
        return of(text as string);
      } catch {
        throw new ExpressionError("D3140", { value: text, token: name });
      }
    },
  };
}

/** One byte per character, the higher bits dropped, as the reference encodes outside a browser. */
function encode(text: string, rt: Runtime): string {
  boundString(rt, text.length * 2);
  let bytes = "";
  for (let i = 0; i < text.length; i++) bytes += String.fromCharCode(text.charCodeAt(i) & 0xff);
  return btoa(bytes);
}

/** Forgiving: whatever is no base 64 is skipped, the URL alphabet is understood, and the text ends at the padding. */
function decode(text: string, rt: Runtime): string {
  boundString(rt, text.length);
  const end = text.indexOf("=");
  const letters = (end === -1 ? text : text.slice(0, end))
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/[^A-Za-z0-9+/]/g, "");
  return atob(letters.length % 4 === 1 ? letters.slice(0, -1) : letters);
}

export const ENCODINGS: Definitions = {
  base64encode: {
    signature: "<s-:s>",
    arity: 1,
    kind: "string",
    call: ([text], rt) => (text === undefined ? undefined : encode(text as string, rt)),
  },
  base64decode: {
    signature: "<s-:s>",
    arity: 1,
    kind: "string",
    call: ([text], rt) => (text === undefined ? undefined : decode(text as string, rt)),
  },
  encodeUrlComponent: url("encodeUrlComponent", encodeURIComponent),
  encodeUrl: url("encodeUrl", encodeURI),
  decodeUrlComponent: url("decodeUrlComponent", decodeURIComponent),
  decodeUrl: url("decodeUrl", decodeURI),
};
