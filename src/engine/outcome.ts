import type { Json } from "../domain/json";
import type { RecordFailure, RunOutcome } from "../domain/run";
import { RunInterrupted, RunStopped } from "./errors";
import { WHOLE_SET } from "./item";
import type { GraphResult } from "./node-run";
import type { Plan } from "./plan";
import type { RunContext } from "./run-context";

/** How a run ended, from what its graphs brought. */
export function outcome(plan: Plan, result: GraphResult, run: RunContext, records: number): RunOutcome {
  const outputs: Record<string, Json[]> = {};
  let returned = 0;
  for (const output of plan.connected) {
    const items = result.outputs.get(output) ?? [];
    outputs[output] = run.masked(items.map((item) => item.value));
    returned += items.length;
  }
  const failures: RecordFailure[] = [];
  if (result.failures.size > 0) {
    for (const [record, failure] of result.failures) failures.push({ record, ...failure });
    failures.sort((left, right) => left.record - right.record);
  }
  const ended: RunOutcome = {
    runId: run.id,
    status: "Success",
    outputs,
    outputConnected: plan.connected.length > 0,
    failures,
  };
  const failedRecords = failures.filter(({ record }) => record >= 0).length;
  const whole =
    failures.find(({ record }) => record < 0) ??
    (failedRecords > 0 && failedRecords >= records ? failures[0] : undefined);
  if (whole !== undefined) {
    ended.status = "Fail";
    ended.message = whole.message;
    ended.outputs = {};
  } else if (result.response !== undefined) {
    ended.response = run.masked(result.response.value) as NonNullable<RunOutcome["response"]>;
  } else if (ended.outputConnected && returned === 0) {
    ended.status = "Fail";
    ended.message = `No record was returned, and the ${plan.connected.length === 1 ? "output" : "outputs"} ${plan.connected.map((name) => `"${name}"`).join(", ")} ${plan.connected.length === 1 ? "is" : "are"} connected.`;
  }
  return ended;
}

const STOP_STATUS = { timeout: "Timeout", cancelled: "Cancelled", limit: "Fail" } as const;

/** How a run ended that was stopped. @throws RunInterrupted when it has not ended */
export function stoppedOutcome(plan: Plan, error: unknown, run: RunContext): RunOutcome {
  if (error instanceof RunInterrupted) {
    run.stop(
      new RunStopped("cancelled", "interrupted", "the run was interrupted; it goes on at its stored steps"),
    );
    throw error;
  }
  const stopped =
    error instanceof RunStopped
      ? error
      : new RunStopped(
          "limit",
          "internal",
          `the run failed for a reason inside Sluice; quote process id ${run.id}`,
        );
  stopped.message = run.masked(stopped.message);
  if (stopped !== error) run.host.report(error, { runId: run.id });
  run.stop(stopped);
  run.message("error", stopped.message);
  return {
    runId: run.id,
    status: STOP_STATUS[stopped.reason],
    outputs: {},
    outputConnected: plan.connected.length > 0,
    failures: [{ record: WHOLE_SET, code: stopped.code, message: stopped.message, node: run.node ?? "" }],
    message: stopped.message,
  };
}
