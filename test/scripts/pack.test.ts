import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fileOf, packProject } from "../../scripts/lib/pack.mjs";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-pack-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

describe("packing a project", () => {
  test("a place of the bundle is told with its file", async () => {
    write({
      "project.yaml": "project: shop\n",
      "flows/b.yaml": "flow: second\n",
      "flows/a.json": '{"flow": "first"}',
    });
    const bundle = await packProject(folder);
    expect(fileOf(bundle, "/flows/0/nodes/x")).toBe("flows/a.json");
    expect(fileOf(bundle, "/flows/1")).toBe("flows/b.yaml");
    for (const none of ["", "/project", "/flows", "/flows/2", "/flows/length", "/constructor/0"])
      expect(fileOf(bundle, none)).toBeUndefined();
    expect(fileOf({}, "/flows/0")).toBeUndefined();
  });

  test.each([
    ["an alias without its anchor", "flow: [*x]", /a\.yaml: Unresolved alias/],
    ["an alias of what it stands in", "flow: &a [*a]", /a\.yaml: an alias stands inside what it repeats/],
    ["a second document", "flow: a\n---\nflow: b\n", /a\.yaml holds several documents/],
  ])("%s is told with its file", async (_what, text, message) => {
    write({ "project.yaml": "project: shop\n", "flows/a.yaml": text });
    await expect(packProject(folder)).rejects.toThrow(message);
  });

  test("puts the project's fields first and every sub-folder's files into a list, in the order of their names", async () => {
    write({
      "project.yaml": "project: shop\ndescription: A shop\n",
      "flows/b.yaml": "flow: second\n",
      "flows/a.json": '{"flow": "first"}',
      "flows/README.md": "not a document",
      "tables/users.yml": "table: users\n",
      "tests/quote.yaml": "stays: home\n",
      "data/x.json": "[1]",
      "demo.yaml": "endpoints: {}\n",
    });
    expect(await packProject(folder)).toStrictEqual({
      sluice: 1,
      project: "shop",
      description: "A shop",
      flows: [{ flow: "first" }, { flow: "second" }],
      tables: [{ table: "users" }],
    });
    expect(Object.keys(await packProject(folder))).toEqual([
      "sluice",
      "project",
      "description",
      "flows",
      "tables",
    ]);
  });

  test("takes data files in, by tag and by $file: JSON and YAML parsed, modules evaluated, the rest as text", async () => {
    write({
      "project.yaml": "project: shop\n",
      "flows/a.yaml":
        "flow: a\njson: !file data/x.json\nyaml: { $file: data/y.yaml }\nmodule: [!file data/z.mjs]\ntext: !file data/t.txt\n",
      "data/x.json": '{"one": [1, {"$file": "data/t.txt"}]}',
      "data/y.yaml": "two: 2\n",
      "data/z.mjs": "export default [1, 2].map((n) => ({ n }));\n",
      "data/t.txt": "plain\n",
    });
    expect((await packProject(folder)).flows).toStrictEqual([
      {
        flow: "a",
        json: { one: [1, "plain\n"] },
        yaml: { two: 2 },
        module: [[{ n: 1 }, { n: 2 }]],
        text: "plain\n",
      },
    ]);
  });

  test("leaves a mapping alone that only has a $file among other keys", async () => {
    write({ "project.yaml": "project: shop\n", "flows/a.yaml": "flow: a\nset: { $file: x, other: 1 }\n" });
    expect((await packProject(folder)).flows).toStrictEqual([{ flow: "a", set: { $file: "x", other: 1 } }]);
  });

  test.each([
    ["../outside.json", "is outside the project"],
    ["/etc/hostname", "is outside the project"],
    ["data/link.json", "is outside the project"],
    ["data/none.json", "there is no such file"],
    ["data/loop.yaml", "too deep"],
  ])("refuses the data file %s", async (path, reason) => {
    const outside = mkdtempSync(join(tmpdir(), "sluice-outside-"));
    writeFileSync(join(outside, "secret.json"), "[]");
    write({
      "project.yaml": "project: shop\n",
      "flows/a.yaml": `flow: a\nvalue: !file ${path}\n`,
      "data/loop.yaml": "again: !file data/loop.yaml\n",
    });
    symlinkSync(join(outside, "secret.json"), join(folder, "data/link.json"));
    await expect(packProject(folder)).rejects.toThrow(reason);
    rmSync(outside, { recursive: true });
  });

  test.each([
    [{ "flows/a.yaml": "flow: a\n" }, "has no project.yaml"],
    [{ "project.yaml": "description: x\n" }, "must say what the project is called"],
    [{ "project.yaml": "- a\n" }, "must be a mapping"],
    [{ "project.yaml": "project: a\nproject: b\n" }, "unique"],
    [{ "project.yaml": "project: a\n", "flows/x.yaml": "a: [1\n" }, "flows/x.yaml"],
    [{ "project.yaml": "project: a\n", "flows/x.yaml": "a: !fiel data/x\n" }, "!fiel"],
    [{ "project.yaml": "project: a\n", "flows/x.yaml": "" }, "is empty"],
    [{ "project.yaml": "project: a\nflows: []\n", "flows/x.yaml": "flow: x\n" }, "use one of them"],
  ])("says which file is wrong, and why: %j", async (files, reason) => {
    write(files as Record<string, string>);
    await expect(packProject(folder)).rejects.toThrow(reason);
  });

  test("a folder that is not there is said to be none", async () => {
    await expect(packProject(join(folder, "none"))).rejects.toThrow("is not a folder");
  });
});
