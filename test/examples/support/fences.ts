import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../scripts/lib/paths.mjs";

/** A fenced block of a page: ```` ```yaml flow ```` has the language `yaml` and the words `["flow"]`. */
export interface Fence {
  language: string;
  words: string[];
  text: string;
  line: number;
}

/** The pages of the documentation, as paths in the project. */
export function pages(): string[] {
  return [
    "README.md",
    ...readdirSync(join(ROOT, "docs"))
      .filter((name) => name.endsWith(".md"))
      .sort()
      .map((name) => `docs/${name}`),
  ];
}

export function fencesOf(page: string): Fence[] {
  const fences: Fence[] = [];
  let open: Fence | undefined;
  let mark = "";
  for (const [index, line] of readFileSync(join(ROOT, page), "utf8").split("\n").entries()) {
    const found = /^(`{3,})\s*(.*)$/.exec(line);
    if (open === undefined && found !== null) {
      const [language = "", ...words] = (found[2] ?? "").trim().split(/\s+/);
      mark = found[1] as string;
      open = { language, words, text: "", line: index + 1 };
    } else if (open !== undefined && line.trim() === mark) {
      fences.push(open);
      open = undefined;
    } else if (open !== undefined) open.text += `${line}\n`;
  }
  if (open !== undefined) throw new Error(`${page}:${open.line}: the block is never closed`);
  return fences;
}

/** Whether a text is what a page says it is, where `…` stands for anything on its line, `"…"` for any JSON value too. */
export function matches(shown: string, actual: string): boolean {
  const pattern = shown
    .trim()
    .split(/"…"|…/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${pattern}$`).test(actual.trim());
}
