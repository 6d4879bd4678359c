import type { Json } from "../domain/json";
import type { MaybePromise } from "./maybe-promise";

/** What those who may see a waiting run are told of a callback. */
export interface CallbackNotice {
  /** What is asked for, in the flow's own words; whoever has the URL may read it. */
  about: string | undefined;
  /** Whether whoever may poll the run sees the URL, and so may call it. */
  reveal: boolean;
}

/** How a run that outlives its call is called back: each step that waits has a URL, good for one call. */
export interface CallbackPort {
  /** The URL of the step at `step`, good from the run's acceptance on. @throws FlowError when the deployment cannot sign */
  url(step: string): string;
  /**
   * What the call at `step` brought, or `undefined` when nobody called within `ms` milliseconds. Until either it throws
   * `RunSuspended`; the time counts from the first wait.
   */
  wait(step: string, ms: number, notice: CallbackNotice): MaybePromise<Json | undefined>;
}
