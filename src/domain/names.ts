import { z } from "zod";

/** Longest name of a project, flow, alias, node, result or output, in characters. They travel in URLs, keys and rows. */
export const MAX_NAME_LENGTH = 100;

// Control characters and separators of URLs and keys stay out of names. The rest, spaces included, is fine: names
// travel percent-encoded.
const FORBIDDEN = /[\p{Cc}\p{Cs}/\\?#%]/u;
const RESERVED = new Set(["__proto__", "constructor", "prototype", ".", ".."]);

/** Schema of names that travel in URLs. @param what as messages call it: `flow name` */
export function nameSchema(what: string) {
  return z
    .string()
    .min(1, `a ${what} cannot be empty`)
    .max(MAX_NAME_LENGTH, `a ${what} has at most ${MAX_NAME_LENGTH} characters`)
    .refine((name) => name === name.trim(), `a ${what} neither starts nor ends with white space`)
    .refine((name) => !FORBIDDEN.test(name), `a ${what} has none of / \\ ? # % and no control characters`)
    .refine((name) => !RESERVED.has(name), `this ${what} is reserved`);
}

/** Name of a project: a segment of its endpoints' URLs. */
export const ProjectName = nameSchema("project name").meta({ id: "ProjectName" });
/** Name of a flow: unique in its project, a segment of its endpoint's URL. */
export const FlowName = nameSchema("flow name").meta({ id: "FlowName" });
/** A URL alias: unique in its environment. */
export const AliasName = nameSchema("URL alias");
/** Name of an output connection point. */
export const OutputName = nameSchema("output name");

/** Name of a resource: a table, a keystore, an integration, a webhook … */
export const ResourceName = nameSchema("name");

/** Where a result may lead besides to a node: `end` drops the item, `return` hands it back to the loop around. */
export const RESERVED_TARGETS = ["end", "return"] as const;

/** Names that every expression sees; a node called so would hide them. */
export const SCOPE_NAMES = ["input", "item", "last", "run"] as const;

/** Under which calls to other systems find secrets: `${_datasource.KeyName}`. Nothing else sees it. */
export const SECRETS_NAME = "_datasource";

/** What an expression finds under `input`: the request's four attributes as text, and the same request parsed. */
export const INPUT_FIELDS = [
  "body",
  "headers",
  "contentType",
  "url",
  "method",
  "json",
  "xml",
  "form",
  "query",
  "header",
] as const;

/** What an expression finds under `run`. */
export const RUN_FIELDS = ["id", "user", "trigger", "time", "remaining"] as const;

const NODE_NAME = /^[\p{L}_][\p{L}\p{N}_-]*$/u;

/** Name of a node. Expressions reach a node's output by it, so it starts with a letter. */
export const NodeName = z
  .string()
  .max(MAX_NAME_LENGTH, `a node name has at most ${MAX_NAME_LENGTH} characters`)
  .regex(NODE_NAME, "a node name starts with a letter and has only letters, digits, - and _")
  .refine((name) => !RESERVED.has(name), "this node name is reserved")
  .refine(
    (name) => !(RESERVED_TARGETS as readonly string[]).includes(name),
    "`end` and `return` are where results may lead, so no node can have that name",
  )
  .refine(
    (name) => !(SCOPE_NAMES as readonly string[]).includes(name),
    "`input`, `item`, `last` and `run` are what expressions see, so no node can have that name",
  )
  .refine(
    (name) => name !== SECRETS_NAME,
    "`_datasource` is where secrets are, so no node can have that name",
  );
