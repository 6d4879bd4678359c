import { MAX_RUN_FUEL } from "../domain/limits";
import { FlowError } from "./errors";
import type { Evaluation, HostFunctions, Meter } from "./expression";
import type { RunContext } from "./run-context";

/**
 * What the expressions of one run share: its budget, its instant, its random numbers, and the functions that it lends them. One object for
 * all of that, since each run makes one and most use only the budget.
 */
export class RunEvaluation implements Evaluation, Meter {
  fuel = MAX_RUN_FUEL;
  readonly now: number;
  readonly #run: RunContext;
  #functions: HostFunctions | undefined;

  constructor(run: RunContext, now: number) {
    this.#run = run;
    this.now = now;
  }

  get meter(): Meter {
    return this;
  }

  /** Where clocks stand still during work, as on Cloudflare, the looks see nothing, and the fuel alone bounds it. */
  look(): void {
    this.#run.check();
  }

  random(): number {
    return this.#run.host.random(this.#run.node, this.#run.record);
  }

  get functions(): HostFunctions {
    this.#functions ??= lend(this.#run);
    return this.#functions;
  }
}

function lend(run: RunContext): HostFunctions {
  return {
    debug: (value: unknown) => {
      run.message("debug", typeof value === "string" ? value : "debug", {
        details: typeof value === "string" ? undefined : value,
      });
      return value;
    },
    error: (message: unknown) => {
      throw new FlowError("flow_error", typeof message === "string" ? message : "the flow called $error()");
    },
  };
}
