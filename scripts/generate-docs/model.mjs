import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { ROOT } from "../lib/paths.mjs";

/** What the generated pages are made of, by the names under which the sources export it. */
const ENTRY = `
  export { z } from "zod";
  export { Bundle } from "./src/domain/bundle";
  export { EndpointSettings, FlowDefinition, InputDeclaration, NodeDefinition } from "./src/domain/flow";
  export * as limits from "./src/domain/limits";
  export { MAX_NAME_LENGTH } from "./src/domain/names";
  export { EXPRESSION_LIMITS } from "./src/engine/expression";
  export { formats } from "./src/engine/formats";
  export { registry } from "./src/nodes/registry";
`;

/**
 * @typedef {{ name: string, description: string, optional?: boolean }} ResultName
 * @typedef {object} DocumentedNode
 * @property {string} type
 * @property {string} summary
 * @property {Record<string, unknown>} example
 * @property {any} config
 * @property {readonly string[]} [ports]
 * @property {boolean} [hasError]
 * @property {boolean} [inLoops]
 * @property {(config: unknown, context: { flowOutputs(name: string): string[] }) => readonly ResultName[]} results
 *
 * @typedef {object} Model
 * @property {any} z
 * @property {any} Bundle
 * @property {any} FlowDefinition
 * @property {any} EndpointSettings
 * @property {any} InputDeclaration
 * @property {any} NodeDefinition
 * @property {Record<string, number>} limits
 * @property {number} MAX_NAME_LENGTH
 * @property {Record<string, number>} EXPRESSION_LIMITS
 * @property {Record<string, { contentType: string, parseOptions: any, formatOptions: any }>} formats
 * @property {ReadonlyMap<string, DocumentedNode>} registry
 */

/**
 * The schemas, node types and limits of the sources as they are now. They are TypeScript, so they are bundled first.
 * @returns {Promise<Model>}
 */
export async function loadModel() {
  const folder = mkdtempSync(join(tmpdir(), "sluice-docs-"));
  try {
    const outfile = join(folder, "model.mjs");
    await build({
      stdin: { contents: ENTRY, resolveDir: ROOT, loader: "ts" },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile,
      logLevel: "error",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The comment before each exported constant, or before each member of an object, of a source file. Lines that follow
 * one another without a gap share the comment before them.
 * @param {string} path
 * @param {RegExp} name matches a declaration and captures its name
 * @returns {Map<string, string>}
 */
export function commentsOf(path, name) {
  /** @type {Map<string, string>} */
  const comments = new Map();
  const source = readFileSync(join(ROOT, path), "utf8");
  for (const [, comment = "", lines = ""] of source.matchAll(
    /\/\*\*([\s\S]*?)\*\/[ \t]*\n((?:(?![ \t]*\/\*)[^\n]+\n)*)/g,
  )) {
    const text = comment
      .replace(/\n\s*\*/g, " ")
      .replace(/\s+/g, " ")
      .trim();
    for (const line of lines.split("\n")) {
      const found = name.exec(line)?.[1];
      if (found !== undefined) comments.set(found, text);
    }
  }
  return comments;
}
