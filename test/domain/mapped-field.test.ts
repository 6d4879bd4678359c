import { describe, expect, it } from "vitest";
import { MAX_MAPPED_VALUE_CHARS, MAX_MAPPED_VALUES } from "../../src/domain/limits";
import { MappedFieldDefinition, mappedValues } from "../../src/domain/mapped-field";

describe("a mapped field", () => {
  const data = {
    client: [{ name: "Ada", age: 36 }, { name: "Bo" }],
    tags: ["a", "b", "a", 3, null, {}],
    on: true,
    none: null,
  };

  it.each([
    ["$.client[0].name", ["Ada"]],
    ["$.client[0].age", ["36"]],
    ["$.on", ["true"]],
    ["$.tags[*]", ["a", "b", "3"]],
    ["$.tags", ["a", "b", "3"]],
    ["$.none", []],
    ["$.client", []],
    ["$.nobody.here", []],
    ["$.constructor", []],
  ])("at %s gives %j", (path, values) => {
    expect(mappedValues(path, data)).toEqual(values);
  });

  it("keeps a bounded number of bounded values", () => {
    const many = Array.from({ length: 500 }, (_, index) => `${index} ${"x".repeat(2_000)}`);
    const values = mappedValues("$.many", { many });
    expect(values).toHaveLength(MAX_MAPPED_VALUES);
    expect(values.every((value) => value.length === MAX_MAPPED_VALUE_CHARS)).toBe(true);
  });

  it.each(["$..name", "$.a[?(@.b)]", "name", "$.a[1:2]", "$['a"])("refuses the path %s", (path) => {
    expect(MappedFieldDefinition.safeParse({ field: "a", path }).success).toBe(false);
  });
});
