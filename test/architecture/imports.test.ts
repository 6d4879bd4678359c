import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf, violations } from "./import-rules";

const ROOT = join(import.meta.dirname, "../../src");

const modules = readdirSync(ROOT, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name));

test("every module imports only what its part may", () => {
  const found = modules.flatMap((file) =>
    violations(relative(ROOT, file).split(sep).join("/").replace(/\.ts$/, ""), readFileSync(file, "utf8")),
  );
  expect(found).toEqual([]);
  expect(modules.length).toBeGreaterThan(100);
});

describe("the check itself", () => {
  test.each([
    ["domain/flow", 'import { x } from "../engine/plan";'],
    ["domain/flow", 'import type { X } from "../engine/plan";'],
    ["domain/flow", 'import { Hono } from "hono";'],
    ["domain/flow", 'export { x } from "../engine/plan";'],
    ["engine/executor", 'import { filter } from "../nodes/filter";'],
    ["engine/executor", 'import jsonata from "jsonata";'],
    ["engine/executor", 'import { parse } from "./expression/ast";'],
    ["engine/expression/ast", 'import { X } from "../plan";'],
    ["engine/expression/functions/dates", 'import { X } from "../../value";'],
    ["engine/formats/csv", 'import { X } from "../expression";'],
    ["nodes/filter", 'import { D1 } from "../adapters/d1/projects";'],
    ["nodes/filter", 'import { parse } from "../engine/formats/csv";'],
    ["operations/trigger-flow", 'import { LightHost } from "../adapters/light-host";'],
    ["adapters/light-host", 'import { RunContext } from "../engine/run-context";'],
    ["adapters/light-host", 'import { type Plan, noNames } from "../engine/plan";'],
    ["adapters/light-host", 'const x = await import("../surfaces/action");'],
    ["surfaces/action/index", 'import { x } from "../management/schemas";'],
    ["surfaces/action/index", 'import { x } from "../../adapters/light-host";'],
    ["surfaces/action/index", 'import { x } from "../../durable/run-shard";'],
    ["services", 'import { problem } from "./http/problem";'],
    ["services", 'import "./surfaces/action";'],
    ["other/thing", ""],
  ])("%s with %s is a violation", (module, source) => {
    expect(violations(module, source)).toHaveLength(1);
  });

  test.each([
    ["adapters/light-host", 'import type { Host } from "../engine/ports";'],
    ["adapters/light-host", 'import { after, type MaybePromise } from "../engine/maybe-promise";'],
    ["adapters/durable/runs", 'import type { RunShard } from "../../durable/run-shard";'],
    ["bindings", 'import type { RunShard } from "./durable/run-shard";'],
    ["engine/value", 'import { compile } from "./expression";'],
    ["surfaces/action/index", 'import { x } from "./wire";\n// import { y } from "../management";'],
    ["app", 'import { x } from "./surfaces/action";'],
  ])("%s with %s is none", (module, source) => {
    expect(violations(module, source)).toEqual([]);
  });

  test("imports of several lines, of types only, for effect and at run time are all seen", () => {
    const source = `
      import {
        type A,
        type B,
      } from "./a";
      import c, { type D } from "./c";
      import * as e from "e";
      import "f";
      const g = () => import("g");
      /* import { h } from "h"; */
    `;
    expect(importsOf(source)).toEqual([
      { from: "./a", typeOnly: true },
      { from: "./c", typeOnly: false },
      { from: "e", typeOnly: false },
      { from: "f", typeOnly: false },
      { from: "g", typeOnly: false },
    ]);
  });
});
