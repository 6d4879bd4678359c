import { describe, expect, it } from "vitest";
import { DropNames, readDropNames } from "../../src/operations/drop-names";

describe("names of what may be lost", () => {
  it("are separated by commas; spaces and empty ones do not count", () => {
    expect(readDropNames("")).toEqual([]);
    expect(readDropNames(" table:a ,,column:a.b,keystore:c-1,")).toEqual([
      "table:a",
      "column:a.b",
      "keystore:c-1",
    ]);
  });

  it("without effect are warned of one by one up to twenty, and counted beyond", () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `table:t${index}`);
    expect(new DropNames(names(20)).warnings([], true)).toHaveLength(20);
    const many = new DropNames(names(23)).warnings([], true);
    expect(many).toHaveLength(21);
    expect(many.at(-1)).toEqual({ path: "drop", reason: "nothing is lost of 3 more names" });
  });

  it("given twice count once", () => {
    expect(new DropNames(["table:a", "table:a"]).warnings([], true)).toHaveLength(1);
  });
});
