import { describe, expect, it } from "vitest";
import { FORBIDDEN_CHARACTERS, isXmlCharacter, isXmlName } from "../../../src/engine/formats/xml-characters";

describe("isXmlName", () => {
  it.each(["a", "_", "a-b.c", "soap:Envelope", "größe", "名前", "a1", "__proto__"])("takes %j", (text) => {
    expect(isXmlName(text)).toBe(true);
  });

  it.each(["", "1a", "-a", ".a", "a b", "a>", "@a", "#text", "a\n", "a\ufeff", "\u1680", "×", "😀!"])(
    "refuses %j",
    (text) => {
      expect(isXmlName(text)).toBe(false);
    },
  );
});

describe("isXmlCharacter", () => {
  it.each([0x9, 0xa, 0xd, 0x20, 0xd7ff, 0xe000, 0xfffd, 0x10000, 0x10ffff])("takes U+%i", (code) => {
    expect(isXmlCharacter(code)).toBe(true);
  });

  it.each([0x0, 0x8, 0xb, 0xc, 0xe, 0x1f, 0xd800, 0xdfff, 0xfffe, 0xffff, 0x110000])(
    "refuses U+%i",
    (code) => {
      expect(isXmlCharacter(code)).toBe(false);
    },
  );

  it("agrees with FORBIDDEN_CHARACTERS on everything but surrogates", () => {
    for (let code = 0; code <= 0xffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      expect(FORBIDDEN_CHARACTERS.test(String.fromCharCode(code))).toBe(!isXmlCharacter(code));
    }
  });
});
