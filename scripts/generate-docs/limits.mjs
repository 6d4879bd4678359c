import { code, GENERATED, table } from "./markdown.mjs";
import { commentsOf } from "./model.mjs";

/**
 * docs/limits.md: every limit with its figure, from the constants and the comments above them.
 * @param {import("./model.mjs").Model} model
 */
export function limitsPage({ limits, MAX_NAME_LENGTH, EXPRESSION_LIMITS }) {
  const comments = commentsOf("src/domain/limits.ts", /^export const (\w+)/);
  const order = [...comments.keys()];
  const bounds = commentsOf("src/engine/expression/limits.ts", /^ {2}(\w+):/);
  const constants = commentsOf("src/engine/expression/limits.ts", /^export const (\w+)/);
  const row = (
    /** @type {string} */ name,
    /** @type {number} */ value,
    /** @type {string | undefined} */ comment,
  ) => [code(name), figure(name, value), requireComment(name, comment)];
  return `${GENERATED}

# Limits

What goes past a limit is answered with a 4xx whose message names the limit; nothing of it is kept. Cloudflare's own limits
(128 MB of memory for an isolate, processor time per request) lie behind these.

## Requests, flows and runs

Constants of \`src/domain/limits.ts\`.

${table(
  ["limit", "value", "of what, and why"],
  [
    ...Object.entries(limits)
      .sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
      .map(([name, value]) => row(name, value, comments.get(name))),
    [
      "`MAX_NAME_LENGTH`",
      figure("MAX_NAME_LENGTH", MAX_NAME_LENGTH),
      "Characters of a name: project, flow, alias, node, output.",
    ],
  ],
)}

## Expressions

\`EXPRESSION_LIMITS\` of \`src/engine/expression/limits.ts\`: what one expression may be and spend. All expressions of a run
together may take \`MAX_RUN_FUEL\` steps, loops and called flows included; then the run ends as \`Fail\`. Steps are counted and
not milliseconds, because the clock of a deployed Worker stands still while it computes.

${table(
  ["limit", "value", "of what, and why"],
  Object.entries(EXPRESSION_LIMITS).map(([name, value]) =>
    row(name, value, bounds.get(name) ?? constants.get(name)),
  ),
)}
`;
}

/**
 * @param {string} name
 * @param {number} value
 */
function figure(name, value) {
  const plain = value.toLocaleString("en");
  if (name.endsWith("_BYTES")) return `${plain} (${value / 1024 / 1024} MiB)`;
  return name.endsWith("_MS") ? `${plain} ms` : plain;
}

/**
 * @param {string} name
 * @param {string | undefined} comment
 */
function requireComment(name, comment) {
  if (comment === undefined) throw new Error(`the limit ${name} has no comment that says what it bounds`);
  // Where a figure comes from is for those who read the source.
  return comment.replace(/ \(seed[^)]*\)/, "");
}
