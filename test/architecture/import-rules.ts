/** Which part of `src` may import what. One way only: whoever is imported knows nothing of the importer. */
interface Rule {
  /** Parts whose modules may be imported. */
  parts: readonly string[];
  /** Parts of which only types may be imported: the ports that an adapter implements. */
  typesOf?: readonly string[];
  packages: readonly string[];
}

const RULES: Record<string, Rule> = {
  domain: { parts: [], packages: ["zod", "fastest-levenshtein", "ipaddr.js"] },
  "engine/expression": { parts: ["domain"], packages: ["jsonata", "re2js"] },
  "engine/formats": { parts: ["domain"], packages: ["zod", "fast-xml-parser", "papaparse"] },
  "engine/diagram": { parts: ["domain", "engine"], packages: ["@dagrejs/dagre"] },
  engine: {
    parts: ["domain", "engine/expression", "engine/formats"],
    packages: ["zod", "http-link-header", "croner"],
  },
  "engine/json-schema": {
    parts: ["domain", "engine/expression"],
    packages: ["@cfworker/json-schema"],
  },
  nodes: { parts: ["domain", "engine", "engine/expression", "engine/formats"], packages: ["zod"] },
  auth: { parts: ["domain"], packages: ["zod", "jose", "node:crypto"] },
  operations: {
    parts: [
      "domain",
      "engine",
      "engine/expression",
      "engine/formats",
      "engine/json-schema",
      "engine/diagram",
      "auth",
    ],
    packages: ["zod"],
  },
  adapters: {
    parts: ["domain"],
    typesOf: ["engine", "auth", "operations"],
    packages: ["zod", "node:crypto", "ipaddr.js", "@peculiar/asn1-schema", "@peculiar/asn1-x509"],
  },
  http: { parts: ["domain", "auth", "operations"], packages: ["zod", "hono", "@hono/zod-openapi"] },
  surfaces: {
    parts: ["domain", "auth", "operations", "http"],
    packages: ["zod", "hono", "@hono/zod-openapi", "yaml", "range-parser", "mime"],
  },
  durable: {
    parts: [
      "domain",
      "engine",
      "engine/expression",
      "engine/formats",
      "engine/json-schema",
      "nodes",
      "auth",
      "operations",
      "adapters",
      "services",
      "bindings",
    ],
    packages: ["zod", "cloudflare:workers"],
  },
  bindings: { parts: ["domain"], packages: ["zod"] },
  services: {
    parts: [
      "domain",
      "engine",
      "engine/expression",
      "engine/formats",
      "engine/json-schema",
      "nodes",
      "auth",
      "operations",
      "adapters",
      "bindings",
    ],
    packages: ["cloudflare:workers"],
  },
};

/** Modules that import what they like: the app itself, and the entry. */
const FREE = new Set(["app", "index"]);

/** How promises that may be there already are waited for: words rather than logic, so adapters may say them too. */
const SHARED_WORDS = new Set(["engine/maybe-promise"]);

/** Parts with one door: others import the folder, never a file in it. */
const ONE_DOOR = new Set(["engine/expression", "engine/formats", "engine/json-schema", "engine/diagram"]);

interface Import {
  from: string;
  typeOnly: boolean;
}

/** What a module imports, statically or not. Comments are left aside. */
export function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const found: Import[] = [];
  const statement = /\b(?:import|export)\s+(type\s+)?([^"';]*?)\s*\bfrom\s+["']([^"']+)["']/g;
  for (const [, type, names = "", from = ""] of code.matchAll(statement)) {
    const list = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
    const each = list
      ?.split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const typeOnly = type !== undefined || (each?.every((name) => name.startsWith("type ")) ?? false);
    found.push({ from, typeOnly });
  }
  for (const [, from = ""] of code.matchAll(/\bimport\s+["']([^"']+)["']/g))
    found.push({ from, typeOnly: false });
  for (const [, from = ""] of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g))
    found.push({ from, typeOnly: false });
  return found;
}

/** The part of `src` that a module belongs to: the longest that there is a rule for. */
function partOf(module: string): string {
  const steps = module.split("/");
  const inner = steps.slice(0, 2).join("/");
  return inner in RULES ? inner : (steps[0] as string);
}

/** Where a relative import leads, as a module of `src` without its extension. */
function resolved(module: string, from: string): string {
  const steps = module.split("/").slice(0, -1);
  for (const step of from.split("/")) {
    if (step === "..") steps.pop();
    else if (step !== ".") steps.push(step);
  }
  return steps.join("/").replace(/\.ts$/, "");
}

/**
 * The imports of a module that the rules do not allow.
 * @param module its path inside `src`, without the extension: `nodes/filter`
 */
export function violations(module: string, source: string): string[] {
  const part = partOf(module);
  if (FREE.has(module)) return [];
  const rule = RULES[part];
  if (rule === undefined) return [`${module}: there is no rule for "${part}"`];
  const found: string[] = [];
  const refuse = (from: string, why: string) => found.push(`${module} imports ${from}: ${why}`);
  for (const { from, typeOnly } of importsOf(source)) {
    if (!from.startsWith(".")) {
      const name = from.startsWith("@")
        ? from.split("/").slice(0, 2).join("/")
        : (from.split("/")[0] as string);
      if (!rule.packages.includes(name))
        refuse(from, `${part} may use ${rule.packages.join(", ") || "no package"}`);
      continue;
    }
    const target = resolved(module, from);
    const other = partOf(target);
    if (part === "surfaces" && other === "surfaces") {
      if (module.split("/")[1] !== target.split("/")[1]) refuse(from, "a surface knows no other");
      continue;
    }
    if (other === part) continue;
    if (ONE_DOOR.has(other) && target !== other) refuse(from, `others go through ${other}`);
    // An object's class may be named by its type, for its stub.
    if (typeOnly && other === "durable") continue;
    if (typeOnly && rule.typesOf?.includes(other)) continue;
    if (rule.typesOf !== undefined && SHARED_WORDS.has(target)) continue;
    if (!rule.parts.includes(other)) {
      const types = rule.typesOf === undefined ? "" : `, and types of ${rule.typesOf.join(", ")}`;
      refuse(from, `${part} may import ${rule.parts.join(", ") || "no other part"}${types}`);
    }
  }
  return found;
}
