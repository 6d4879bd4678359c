import type { Problem } from "../domain/errors";
import type { EventDeclaration } from "../domain/event";
import type { FlowDefinition } from "../domain/flow";
import { pointer } from "../domain/json-path";
import { nearest } from "../domain/nearest";
import type { CheckedResource } from "./check-resources";

/** Checks what flows are registered for: events and parameters that exist, and no two flows for the very same. */
export function checkWorkflows(
  flows: readonly { index: number; definition: FlowDefinition }[],
  resources: readonly CheckedResource[],
): Problem[] {
  const events = new Map<string, EventDeclaration>();
  for (const { kind, name, definition } of resources) {
    if (kind === "event") events.set(name, definition as EventDeclaration);
  }
  const problems: Problem[] = [];
  const owners = new Map<string, string>();
  const unknown = (path: string, reason: string, name: string, candidates: Iterable<string>): void => {
    const closest = nearest(name, candidates);
    problems.push({ path, reason, ...(closest === undefined ? {} : { nearest: closest }) });
  };
  for (const { index, definition } of flows) {
    const { workflow, flow } = definition;
    if (workflow === undefined) continue;
    const at = ["flows", index, "workflow"] as const;
    const event = events.get(workflow.event);
    if (event === undefined) {
      const reason = `there is no event "${workflow.event}" in this project; declare it under \`events\``;
      unknown(pointer(...at, "event"), reason, workflow.event, events.keys());
      continue;
    }
    for (const key of Object.keys(workflow.params)) {
      if (event.params.includes(key)) continue;
      const reason = `the event "${event.event}" has no parameter "${key}"`;
      unknown(pointer(...at, "params", key), reason, key, event.params);
    }
    const entries = Object.entries(workflow.params).sort(([left], [right]) => (left < right ? -1 : 1));
    const registered = JSON.stringify([workflow.event, entries]);
    const owner = owners.get(registered);
    if (owner === undefined) owners.set(registered, flow);
    else {
      problems.push({
        path: pointer(...at),
        reason: `flow "${owner}" is registered for the same event with the same parameters`,
      });
    }
  }
  return problems;
}
