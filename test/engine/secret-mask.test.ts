import { describe, expect, test } from "vitest";
import { MASK, SecretMask } from "../../src/engine/secret-mask";

const mask = (...secrets: string[]) => {
  const made = new SecretMask();
  for (const secret of secrets) made.add(secret);
  return made;
};

describe("a mask", () => {
  test.each([
    ["as it is", "hunter2/ü"],
    ["inside JSON", JSON.stringify({ a: 'say "hunter2/ü"' })],
    ["percent-encoded", `https://x/?a=${encodeURIComponent("hunter2/ü")}`],
    ["in base64", `Basic ${Buffer.from("hunter2/ü").toString("base64")}`],
  ])("hides a secret %s", (_, text) => {
    const masked = mask("hunter2/ü").text(text);
    expect(masked).toContain(MASK);
    expect(masked).not.toContain("hunter2");
  });

  test("hides it in fields, in their names, in lists, and where it is a number", () => {
    expect(mask("hunter2", "4711").json({ hunter2: [{ a: "x hunter2" }, 4711, 47110] })).toEqual({
      [MASK]: [{ a: `x ${MASK}` }, MASK, 47110],
    });
  });

  test("hides the longer of two that overlap", () => {
    expect(mask("hunter", "hunter2").text("hunter2 hunter")).toBe(`${MASK} ${MASK}`);
  });

  test("hides a short one only where it stands alone, and nothing when there is none", () => {
    expect(mask("abc").text("abcdef")).toBe("abcdef");
    expect(mask("abc").text("abc")).toBe(MASK);
    expect(mask("").text("anything")).toBe("anything");
    const value = { a: ["b"] };
    expect(mask("hunter2").json(value)).toBe(value);
  });
});
