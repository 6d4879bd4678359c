/** Errors inside a run. They decide what a run does next; no surface sees them. */

/** A flow failed an item on purpose or by its logic: an `error` node, a wrong value, a failed conversion. */
export class FlowError extends Error {
  override readonly name = "FlowError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The execution ends here without an outcome: whoever hosts the run takes it up again at its stored steps. No node catches it. */
export class RunInterrupted extends Error {
  override readonly name: string = "RunInterrupted";
}

/** The host goes on with the run at a time that it knows. */
export class RunSuspended extends RunInterrupted {
  override readonly name = "RunSuspended";
}

/** The host could not keep or find a step. Nothing may be concluded of the flow. */
export class StepStoreFailed extends RunInterrupted {
  override readonly name = "StepStoreFailed";

  constructor(cause: unknown) {
    super("a step could not be stored or read", { cause });
  }
}

/** The run must stop now, whatever the flow routes: its time is over, it was cancelled, or it spent its budget. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
  readonly reason: "timeout" | "cancelled" | "limit";
  readonly code: string;

  constructor(reason: "timeout" | "cancelled" | "limit", code: string, message: string) {
    super(message);
    this.reason = reason;
    this.code = code;
  }
}
