import { describe, expect, it } from "vitest";
import { decodeText } from "../../src/domain/text-encoding";
import { faultOf as fault } from "../support/fault-of";

const utf8 = (text: string) => new TextEncoder().encode(text);

const faultOf = (bytes: Uint8Array, type: string | null) => fault(() => decodeText(bytes, type));

describe("decodeText", () => {
  it.each([
    null,
    "application/json",
    "application/json; charset=utf-8",
    'text/xml;charset="UTF-8"',
    "text/plain; Charset=utf8",
  ])("reads UTF-8 for content type %j", (type) => {
    expect(decodeText(utf8("größe €"), type)).toBe("größe €");
  });

  it.each([
    ["iso-8859-1", [0xe9, 0x20, 0x80], "é €"],
    ["windows-1252", [0xe9, 0x93], "é“"],
    ["us-ascii", [0x61], "a"],
    ["utf-16le", [0xe9, 0x00], "é"],
    ["utf-16be", [0x00, 0xe9], "é"],
  ])("reads %s", (charset, bytes, text) => {
    expect(decodeText(new Uint8Array(bytes), `text/plain; charset=${charset}`)).toBe(text);
  });

  it("keeps a byte order mark, for the parser to decide about", () => {
    expect(decodeText(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b]), null)).toBe("\ufeff{");
  });

  it.each([
    [[0xc3], null],
    [[0xc0, 0xaf], null],
    [[0xed, 0xa0, 0x80], null],
    [[0xff, 0xfe], "application/json"],
    [[0x61], "text/plain; charset=utf-16le"],
    [[0xc3, 0xa9], "text/plain; charset=us-ascii"],
  ])("refuses the bytes %j as %j", (bytes, type) => {
    expect(faultOf(new Uint8Array(bytes), type)).toMatchObject({
      kind: "malformed",
      code: "invalid_request",
    });
  });

  it.each(["utf-7", "utf-32", "shift_jis", "utf-16", "x-user-defined", "constructor", '""'])(
    "refuses the charset %s by name",
    (charset) => {
      const error = faultOf(utf8("+ADw-"), `text/plain; charset=${charset}`);
      expect(error).toMatchObject({ format: "text", kind: "charset", code: "unsupported_media_type" });
      expect(error.message).toContain("send it as UTF-8");
    },
  );

  it("refuses two charsets that differ, takes the same one twice", () => {
    expect(faultOf(utf8("a"), "text/plain; charset=utf-8; charset=latin1").message).toContain("two charsets");
    expect(faultOf(utf8("a"), "text/plain; charset=latin1; charset=utf-8").message).toContain("two charsets");
    expect(decodeText(utf8("a"), "text/plain; charset=utf-8; charset=UTF-8")).toBe("a");
  });

  it("does not mistake another parameter's value for a charset", () => {
    expect(decodeText(utf8("é"), 'multipart/form-data; boundary="; charset=utf-7"')).toBe("é");
  });
});
