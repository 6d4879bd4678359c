import { expect, test } from "vitest";
import { base64OfText, encodedJson, textOfBase64 } from "../../src/domain/base64-text";

test.each(["", "a", "ab", "abc", '{"ä":"\u{1f600}"}', "\u0000\r\n"])("%j goes there and back", (text) => {
  if (text !== "") expect(textOfBase64(base64OfText(text))).toBe(text);
  expect(base64OfText(text)).toBe(Buffer.from(text).toString("base64"));
});

test.each([
  ["YWI", "ab"],
  ["YWI=", "ab"],
  ["Y W\r\nI=", "ab"],
  ["4pyTw7_Dvw", "✓ÿÿ"],
  ["4pyTw7/Dvw==", "✓ÿÿ"],
])("%j is read", (encoded, text) => expect(textOfBase64(encoded)).toBe(text));

test.each(["", "=", "?", "YWJjZ", "Y*I=", "/////w==", "YW=I"])("%j is not Base64 of UTF-8", (text) =>
  expect(textOfBase64(text)).toBeUndefined(),
);

test("JSON that is not encoded is taken as it is", () => {
  expect(encodedJson(' {"a": 1} ')).toBe('{"a": 1}');
  expect(encodedJson("[1]")).toBe("[1]");
  expect(encodedJson(base64OfText('{"a": 1}'))).toBe('{"a": 1}');
  expect(encodedJson("no JSON")).toBeUndefined();
});
