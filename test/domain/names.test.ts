import { describe, expect, test } from "vitest";
import { FlowName, MAX_NAME_LENGTH, NodeName, OutputName, ProjectName } from "../../src/domain/names";

const takes = (schema: typeof FlowName, name: string) => schema.safeParse(name).success;

describe("names of projects, flows and outputs", () => {
  test.each(["My API", "größe", "a.b", "x", "名前", "a".repeat(MAX_NAME_LENGTH), "toString"])(
    "%s",
    (name) => {
      for (const schema of [ProjectName, FlowName, OutputName]) expect(takes(schema, name)).toBe(true);
    },
  );

  test.each([
    "",
    " a",
    "a ",
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "a%b",
    "a\u0000b",
    "a\nb",
    "\ud800",
    ".",
    "..",
    "__proto__",
    "constructor",
    "a".repeat(MAX_NAME_LENGTH + 1),
  ])("%j is none", (name) => {
    for (const schema of [ProjectName, FlowName, OutputName]) expect(takes(schema, name)).toBe(false);
  });
});

describe("names of nodes", () => {
  test.each(["a", "_a", "my-node", "größe2", "名前", "toString"])("%s", (name) => {
    expect(NodeName.safeParse(name).success).toBe(true);
  });

  test.each([
    "",
    "1a",
    "-a",
    "a b",
    "a.b",
    "flow:a",
    "end",
    "return",
    "input",
    "item",
    "last",
    "run",
    "__proto__",
    "constructor",
    "a".repeat(101),
  ])("%j is none", (name) => {
    expect(NodeName.safeParse(name).success).toBe(false);
  });
});
