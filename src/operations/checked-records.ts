import { type Problem, SluiceError } from "../domain/errors";
import type { Json } from "../domain/json";
import { valueAt } from "../domain/json-path";
import { MAX_RECORDS } from "../domain/limits";
import type { Plan } from "../engine/plan";
import { attributes, type HttpRunInput, queryFields } from "./run-input";

/** What enters a flow when records do not travel one by one: the request's four attributes, or its JSON body. */
export type EnteringItem = "input" | "body";

/**
 * The values that enter the flow, checked against what it declares. They follow from plan and request alone, so that a
 * durable run finds the same ones again.
 * @throws SluiceError invalid_request with all problems
 */
export function checkedRecords(plan: Plan, input: HttpRunInput, item: EnteringItem = "input"): Json[] {
  const problems: Problem[] = [];
  const { query, body } = plan.inputShapes;
  if (query !== undefined) {
    const coerced = query.coerceStrings(queryFields(input.query), "query");
    if (!coerced.ok) problems.push(...coerced.problems);
    else if (plan.names.all || plan.names.input.has("query")) input.view.query = coerced.value;
  }
  if (plan.recordsPath === undefined) {
    if (body !== undefined) checkBody(body, input, problems);
    if (problems.length > 0) throw badInput(problems);
    if (item === "body") return [input.json ?? null];
    return [plan.graph.seedVisible ? attributes(input) : null];
  }
  const found = valueAt(input.json, plan.recordsPath);
  if (!Array.isArray(found)) {
    const where =
      plan.endpoint?.records === "$" ? "the JSON body" : `${plan.endpoint?.records} of the JSON body`;
    problems.push({
      path: plan.endpoint?.records ?? "$",
      reason: `expected ${where} to be an array of records`,
    });
  } else if (found.length > MAX_RECORDS) {
    throw new SluiceError(
      "payload_too_large",
      `One call carries at most ${MAX_RECORDS} records (MAX_RECORDS); this one has ${found.length}.`,
      { limit: "MAX_RECORDS" },
    );
  }
  if (problems.length > 0) throw badInput(problems);
  // Whether each has the declared shape is looked at when its turn comes: one that does not fails alone.
  return found as Json[];
}

function checkBody(
  shape: NonNullable<Plan["inputShapes"]["body"]>,
  input: HttpRunInput,
  problems: Problem[],
): void {
  const value = input.json;
  if (value !== undefined) shape.validate(value, "body", problems);
  else if (!shape.optional && !shape.validate({}, "body", [])) {
    // No body is as good as an empty object where every field is optional.
    problems.push({
      path: "body",
      reason: `expected JSON: ${shape.describe()}${input.body !== "" && !input.saysJson ? ". Send it with Content-Type: application/json" : ""}`,
    });
  }
}

function badInput(problems: Problem[]): SluiceError {
  const [first] = problems as [Problem];
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : "";
  return new SluiceError(
    "invalid_request",
    `The input is not what this endpoint takes: ${first.path === "$" ? "" : `${first.path}: `}${first.reason}${more}.`,
    { problems },
  );
}
