import { z } from "zod";
import type { Problem } from "./errors";
import { type Json, truncate } from "./json";
import { MAX_TABLE_RULE_BYTES, MAX_TABLE_RULE_DEPTH, MAX_TABLE_RULES } from "./limits";
import { nearest } from "./nearest";
import type { TableColumn, TableModel } from "./table-model";
import { checkValue, nameOf, type Stored, storedMoment } from "./table-value";

/**
 * The rules of a search, as the seed writes them (*Search in Table data*), read against a table's columns. Ours: a rule
 * may be a group of rules itself.
 *
 *     { "condition": "AND", "rules": [ { "field": "age", "operator": ">", "value": "35" }, { "condition": "OR", … } ] }
 */

/** What a rule does, by operator; `not` tells the opposites of one another. */
export type Comparison =
  | "equals"
  | "less"
  | "at_most"
  | "more"
  | "at_least"
  | "between"
  | "in"
  | "begins_with"
  | "ends_with"
  | "contains"
  | "is_empty";

export interface Rule {
  readonly kind: "rule";
  readonly column: TableColumn;
  readonly comparison: Comparison;
  /** The opposite: matches exactly the rows that the comparison does not. */
  readonly not: boolean;
  readonly values: readonly Stored[];
}

export type Condition = Rule | { readonly kind: "all" | "any"; readonly parts: readonly Condition[] };

/** Operators as the seed writes them. `=>` is its spelling of `>=`; both work. */
const OPERATORS: ReadonlyMap<string, { comparison: Comparison; not: boolean }> = new Map(
  Object.entries({
    "=": ["equals", false],
    "!=": ["equals", true],
    "<>": ["equals", true],
    "<": ["less", false],
    ">": ["more", false],
    "<=": ["at_most", false],
    "=>": ["at_least", false],
    ">=": ["at_least", false],
    between: ["between", false],
    not_between: ["between", true],
    in: ["in", false],
    not_in: ["in", true],
    begins_with: ["begins_with", false],
    not_begins_with: ["begins_with", true],
    ends_with: ["ends_with", false],
    not_ends_with: ["ends_with", true],
    contains: ["contains", false],
    not_contains: ["contains", true],
    is_empty: ["is_empty", false],
    is_not_empty: ["is_empty", true],
  } satisfies Record<string, [Comparison, boolean]>).map(([name, [comparison, not]]) => [
    name,
    { comparison: comparison as Comparison, not: not as boolean },
  ]),
);
export const OPERATOR_NAMES = [...OPERATORS.keys()];

const TEXTUAL = new Set<Comparison>(["begins_with", "ends_with", "contains"]);
const ORDERED = new Set<Comparison>(["less", "at_most", "more", "at_least", "between"]);

/** Any JSON: a search is read from a document already, and looking through each value again would cost more than the rest. */
const Value = z.custom<Json>((value) => value !== undefined);

const RuleShape = z.strictObject({
  field: z.string({ error: "`field` is the name of a column" }),
  operator: z.string({ error: "`operator` is one of the operators" }),
  value: Value.optional(),
});
const GroupShape = z.strictObject({
  condition: z.string({ error: "`condition` is AND or OR" }).nullish(),
  rules: Value,
});
const FIELDS = [...Object.keys(RuleShape.shape), ...Object.keys(GroupShape.shape)];

/**
 * Reads rules. Nothing, an empty object and an empty list mean every row.
 * @param problems takes what is wrong, with paths that begin with `path`
 */
export function readCondition(
  model: TableModel,
  where: Json | undefined,
  path: string,
  problems: Problem[],
): Condition | undefined {
  if (where === undefined || where === null || where === "") return undefined;
  if (typeof where === "object" && Object.keys(where).length === 0) return undefined;
  const reader = new RuleReader(model, problems);
  const condition = reader.read(where, path, 0);
  return isEverything(condition) ? undefined : condition;
}

function isEverything(condition: Condition | undefined): boolean {
  return condition === undefined || (condition.kind !== "rule" && condition.parts.length === 0);
}

class RuleReader {
  readonly #model: TableModel;
  readonly #problems: Problem[];
  #rules = 0;
  #bytes = 0;

  constructor(model: TableModel, problems: Problem[]) {
    this.#model = model;
    this.#problems = problems;
  }

  read(source: Json, path: string, depth: number): Condition | undefined {
    if (typeof source !== "object" || source === null || Array.isArray(source)) {
      return this.#refuse(path, `is ${nameOf(source)} where a rule or a group of rules is due`);
    }
    return Object.hasOwn(source, "rules")
      ? this.#group(source, path, depth)
      : this.#rule(source as Record<string, Json>, path);
  }

  #group(source: Json, path: string, depth: number): Condition | undefined {
    if (depth >= MAX_TABLE_RULE_DEPTH) {
      return this.#refuse(
        path,
        `groups stand at most ${MAX_TABLE_RULE_DEPTH} deep in each other (MAX_TABLE_RULE_DEPTH)`,
      );
    }
    const parsed = GroupShape.safeParse(source);
    if (!parsed.success) return this.#refuseShape(path, parsed.error);
    const name = (parsed.data.condition ?? "AND").trim().toUpperCase() || "AND";
    if (name !== "AND" && name !== "OR") {
      return this.#refuse(`${path}.condition`, `is ${nameOf(name)}, and neither AND nor OR`);
    }
    const { rules } = parsed.data;
    if (!Array.isArray(rules))
      return this.#refuse(`${path}.rules`, `is ${nameOf(rules)} where a list of rules is due`);
    const parts: Condition[] = [];
    for (const [index, rule] of rules.entries()) {
      if (this.#rules > MAX_TABLE_RULES) break;
      const part = this.read(rule, `${path}.rules[${index}]`, depth + 1);
      // A group without rules asks for nothing.
      if (part !== undefined && !(part.kind !== "rule" && part.parts.length === 0)) parts.push(part);
    }
    return { kind: name === "AND" ? "all" : "any", parts };
  }

  #rule(source: Record<string, Json>, path: string): Condition | undefined {
    this.#rules += 1;
    if (this.#rules > MAX_TABLE_RULES) {
      return this.#refuse(path, `a search has at most ${MAX_TABLE_RULES} rules (MAX_TABLE_RULES)`);
    }
    const parsed = RuleShape.safeParse(source);
    if (!parsed.success) return this.#refuseShape(path, parsed.error);
    const column = this.#model.column(parsed.data.field);
    if (column === undefined) {
      this.#problems.push(this.#model.unknownColumn(parsed.data.field, `${path}.field`));
      return undefined;
    }
    const name = parsed.data.operator.trim().toLowerCase();
    const operator = OPERATORS.get(name);
    if (operator === undefined) {
      const closest = nearest(name, OPERATOR_NAMES);
      this.#problems.push({
        path: `${path}.operator`,
        reason: `is ${nameOf(parsed.data.operator)}, which is no operator; there are ${OPERATOR_NAMES.join(" ")}`,
        ...(closest === undefined ? {} : { nearest: closest }),
      });
      return undefined;
    }
    const values = this.#values(column, operator.comparison, parsed.data.value, `${path}.value`);
    return values === undefined ? undefined : { kind: "rule", column, ...operator, values };
  }

  #values(
    column: TableColumn,
    comparison: Comparison,
    value: Json | undefined,
    path: string,
  ): readonly Stored[] | undefined {
    if (comparison === "is_empty") return [];
    if (value === undefined) return this.#refuse(path, "is missing");
    if (column.type === "json" && ORDERED.has(comparison)) {
      return this.#refuse(path, `a column of type json has no order; "${column.name}" is one`);
    }
    if (TEXTUAL.has(comparison)) return this.#text(column, value, path);
    if (comparison === "equals") {
      // What null equals is what has no value.
      return this.#each(column, [value], path, true);
    }
    if (comparison === "in") {
      return this.#each(column, Array.isArray(value) ? value : [value], path, false);
    }
    if (comparison === "between") {
      if (!Array.isArray(value) || value.length !== 2) {
        const given = Array.isArray(value) ? `a list of ${value.length}` : nameOf(value);
        return this.#refuse(path, `is ${given} where a list of two values is due`);
      }
      return this.#each(column, value, path, false);
    }
    return this.#each(column, [value], path, false);
  }

  #each(column: TableColumn, list: readonly Json[], path: string, nullable: boolean): Stored[] | undefined {
    const values: Stored[] = [];
    for (const [index, value] of list.entries()) {
      const at = list.length === 1 ? path : `${path}[${index}]`;
      if (value === null && !nullable) {
        return this.#refuse(at, "is null, which compares with nothing; use is_empty or is_not_empty");
      }
      const checked = checkValue(column.type, readable(column, value));
      if ("reason" in checked) return this.#refuse(at, `"${column.name}": ${checked.reason}`);
      values.push(checked.value);
      if (!this.#weigh(checked.value, at)) return undefined;
    }
    return values;
  }

  #text(column: TableColumn, value: Json, path: string): Stored[] | undefined {
    if (column.type === "boolean") {
      return this.#refuse(path, `a column of type boolean has no text; "${column.name}" is one`);
    }
    if (typeof value !== "string" && typeof value !== "number") {
      return this.#refuse(path, `is ${nameOf(value)} where text is due`);
    }
    const checked = checkValue("text", String(value));
    if ("reason" in checked) return this.#refuse(path, checked.reason);
    return this.#weigh(checked.value, path) ? [checked.value] : undefined;
  }

  /** Whether the values still fit into the parameters of a statement. */
  #weigh(value: Stored, path: string): boolean {
    this.#bytes += typeof value === "string" ? value.length * 2 : 20;
    if (this.#bytes <= MAX_TABLE_RULE_BYTES) return true;
    this.#refuse(
      path,
      `the values of all rules together are larger than ${MAX_TABLE_RULE_BYTES} bytes (MAX_TABLE_RULE_BYTES)`,
    );
    return false;
  }

  #refuse(path: string, reason: string): undefined {
    this.#problems.push({ path, reason });
    return undefined;
  }

  #refuseShape(path: string, error: z.ZodError): undefined {
    // Unknown names first: what is missing beside them is often what they were meant to be.
    for (const issue of error.issues) {
      if (issue.code !== "unrecognized_keys") continue;
      for (const key of issue.keys) {
        const closest = nearest(key, FIELDS);
        this.#problems.push({
          path,
          reason: `there is nothing called ${JSON.stringify(truncate(key, 60).text)} here; a rule has field, operator and value, a group condition and rules`,
          ...(closest === undefined ? {} : { nearest: closest }),
        });
      }
    }
    for (const issue of error.issues) {
      if (issue.code === "unrecognized_keys") continue;
      const inner = issue.path.map(String).join(".");
      this.#refuse(inner === "" ? path : `${path}.${inner}`, issue.message);
    }
    return undefined;
  }
}

/** What is written in a rule may be looser than what is stored: `25` for a text, a day for a moment. */
function readable(column: TableColumn, value: Json): Json {
  if (column.type === "text" && typeof value === "number") return String(value);
  if (column.type === "datetime" && typeof value === "string" && storedMoment(value) === undefined) {
    return /^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value} 00:00:00` : value;
  }
  return value;
}
