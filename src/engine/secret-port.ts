import type { MaybePromise } from "./maybe-promise";

/** Secrets of an environment, by name. */
export interface Secrets {
  /** The value in clear; `undefined` when there is no secret of that name. */
  get(environmentId: number, name: string): MaybePromise<string | undefined>;
}
