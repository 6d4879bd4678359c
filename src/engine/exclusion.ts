import { parseDuration } from "../domain/duration";
import { DEFAULT_MAX_QUEUE, groupName, type OnBusy } from "../domain/exclusion-group";
import type { FlowDefinition } from "../domain/flow";
import type { Json } from "../domain/json";
import { pointer } from "../domain/json-path";
import { MAX_GROUP_CHARS } from "../domain/limits";
import { SECRETS_NAME } from "../domain/names";
import { FlowError } from "./errors";
import { check, type Expression, ExpressionError } from "./expression";
import type { FlowScope } from "./flow-scope";
import { Frame } from "./frame";
import type { NamesRead } from "./plan";
import type { RunContext } from "./run-context";
import { asText, compileValue, type Value } from "./value";

/** An endpoint's exclusion group, compiled: the group's name may depend on the request. */
export interface Exclusion {
  group: Value;
  onBusy: OnBusy;
  maxQueue: number;
  /** Milliseconds that a run waits for its turn; its deadline bounds it in any case. */
  maxWaitMs: number;
}

/** Checks and compiles the setting `exclusion`; `undefined` where there is none. */
export function compileExclusion(definition: FlowDefinition, scope: FlowScope): Exclusion | undefined {
  const settings = definition.endpoint?.exclusion;
  if (settings === undefined) return undefined;
  const short = typeof settings === "string";
  const source = short ? settings : settings.group;
  const place = short ? pointer("endpoint", "exclusion") : pointer("endpoint", "exclusion", "group");
  const group = compileValue(source, {
    constants: scope.context.constants,
    failed(_steps, error) {
      const at =
        error instanceof ExpressionError && error.position !== undefined
          ? ` (at character ${error.position})`
          : "";
      scope.report({ path: place, reason: `${error.message}${at}` });
    },
    compiled: (_steps, expression, names) => checkReads(expression, names, place, scope),
  });
  if (typeof group.constant === "string" && groupName(group.constant) === undefined) return undefined;
  return {
    group,
    onBusy: short ? "reject" : settings.onBusy,
    maxQueue: (short ? undefined : settings.maxQueue) ?? DEFAULT_MAX_QUEUE,
    maxWaitMs: (short ? undefined : parseDuration(settings.maxWait)) ?? Number.POSITIVE_INFINITY,
  };
}

/** The group is settled before the run begins, so there is nothing but the request to see. */
function checkReads(expression: Expression, names: NamesRead, place: string, scope: FlowScope): void {
  const beyond = [...names.roots].filter((root) => root !== "input");
  if (names.secrets.size > 0) beyond.push(SECRETS_NAME);
  if (names.all || beyond.length > 0) {
    const what = beyond.length > 0 ? beyond.map((root) => `"${root}"`).join(", ") : "everything at once";
    scope.report({
      path: place,
      reason: `the group is settled before the run begins and sees fields of \`input\` only, such as input.json.id; this reads ${what}`,
    });
    return;
  }
  if (!scope.checkConstants(names, place)) return;
  for (const problem of check(expression, scope.shapeOf(names), {}, scope.constantShapes(names))) {
    const at = problem.position === undefined ? "" : ` (at ${problem.position})`;
    scope.report({
      path: place,
      reason: `${problem.message}${at}`,
      ...(problem.nearest === undefined ? {} : { nearest: problem.nearest }),
    });
  }
}

/**
 * The group of one request, as names of groups are compared; `undefined` for none.
 * @throws FlowError, ExpressionError when the request yields nothing that could be a name
 */
export function groupOf(exclusion: Exclusion, run: RunContext): string | undefined {
  const { group } = exclusion;
  const value = group.constant ?? group.evaluate(new Frame(run, group.names, []));
  const name = groupName(groupText(value));
  if (name === "too_long") {
    throw new FlowError(
      "group_too_long",
      `a group's name has at most ${MAX_GROUP_CHARS} characters (MAX_GROUP_CHARS)`,
    );
  }
  return name;
}

function groupText(value: Json | undefined): string {
  if (typeof value === "object" && value !== null) {
    throw new FlowError(
      "not_a_group",
      `a group's name is a text, not ${Array.isArray(value) ? "a list" : "an object"}`,
    );
  }
  return asText(value);
}
