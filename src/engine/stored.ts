import { RunInterrupted, RunStopped, StepStoreFailed } from "./errors";
import { isPromise, type MaybePromise } from "./maybe-promise";

/** What the step store answers; its failure is no failure of the flow, so no `error` result may take it. */
export function stored<T>(ask: () => MaybePromise<T>): MaybePromise<T> {
  const failed = (cause: unknown): never => {
    // A store may also end the run, or put it off.
    throw cause instanceof RunStopped || cause instanceof RunInterrupted ? cause : new StepStoreFailed(cause);
  };
  try {
    const answer = ask();
    return isPromise(answer) ? answer.catch(failed) : answer;
  } catch (cause) {
    return failed(cause);
  }
}
