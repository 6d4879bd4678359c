import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/paths.mjs";
import type { Case, Measurement } from "./case.ts";

/** When and where the figures were taken: without that they say nothing. */
export function head(): string {
  const [cpu] = cpus();
  const versions = ["workerd", "miniflare", "hono"].map((name) => `${name} ${version(name)}`);
  return [
    `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `${cpu?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, ${process.platform}`,
    `node ${process.versions.node}, ${versions.join(", ")}`,
  ].join(" · ");
}

function version(name: string): string {
  return JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
}

export function table(results: Array<{ benchmark: Case; measurement: Measurement }>): string {
  const rows = results.map(({ benchmark, measurement: m }) => [
    benchmark.key,
    `${number(m.ours)} ${m.unit}`,
    `${number(m.theirs)} ${m.unit}`,
    number(m.ratio),
    `${number(benchmark.reach)} ${m.ratio >= benchmark.reach ? "reached" : "missed"}`,
    m.cpu_ratio === null ? "-" : number(m.cpu_ratio),
    pair(m.p50),
    pair(m.p99),
    pair(m.cpu_us),
  ]);
  const header = ["case", "ours", "theirs", "ratio", "reach", "cpu ratio", "p50 ms", "p99 ms", "cpu µs"];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [
    line(header),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...rows.map(line),
    "",
    ...results.map(({ benchmark: { key, title }, measurement: { note } }) =>
      note === undefined ? `${key}: ${title}` : `${key}: ${title}. ${note}`,
    ),
  ].join("\n");
}

function pair(value: { ours: number; theirs: number } | null | undefined): string {
  return value === null || value === undefined ? "-" : `${number(value.ours)} / ${number(value.theirs)}`;
}

function number(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
