import { packageOf } from "../domain/environment-life";
import type { EnvironmentStore } from "../operations/environments/ports";
import type { StorageRoom } from "../operations/environments/storage-room";
import { BoundedCache } from "./bounded-cache";

/** Milliseconds for which an isolate trusts what it knows. */
const MAX_AGE_MS = 5_000;
/** Milliseconds after which the bytes in use are counted again, while something is stored. */
const MEASURE_AGE_MS = 60_000;
const MAX_REMEMBERED = 1_000;

export interface StorageQuotaOptions {
  environments: Pick<EnvironmentStore, "find" | "measure">;
  bytesPerGb: number;
  now: () => number;
  background: (work: Promise<unknown>) => void;
}

/** Whether environments are full, from the last count of their bytes; an old count is made anew, after the answer. */
export class StorageQuota implements StorageRoom {
  readonly #options: StorageQuotaOptions;
  readonly #known = new BoundedCache<{ full: boolean; at: number }>(MAX_REMEMBERED);

  constructor(options: StorageQuotaOptions) {
    this.#options = options;
  }

  isFull(environmentId: number): boolean | Promise<boolean> {
    const known = this.#known.get(String(environmentId));
    if (known !== undefined && this.#options.now() - known.at < MAX_AGE_MS) return known.full;
    return this.#look(environmentId);
  }

  async #look(environmentId: number): Promise<boolean> {
    const { environments, bytesPerGb, now, background } = this.#options;
    const at = now();
    const environment = await environments.find(environmentId);
    if (environment === undefined) return false;
    const gigabytes = packageOf(environment.package).storageGb + environment.extraStorageGb;
    const total = gigabytes * bytesPerGb;
    const full = environment.usedBytes >= total;
    this.#known.set(String(environmentId), { full, at });
    if (at - environment.measuredAt >= MEASURE_AGE_MS) {
      background(environments.measure(environmentId, at));
    }
    return full;
  }
}
