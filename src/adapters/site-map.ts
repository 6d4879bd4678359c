import type { EnvironmentStore, UrlMapping } from "../operations/environments/ports";
import type { SiteMap } from "../operations/sites/ports";
import { BoundedCache } from "./bounded-cache";

/** Milliseconds for which an isolate trusts what it knows of an environment's URLs. */
const MAX_AGE_MS = 2_000;
/** Mappings remembered in an isolate. */
const MAX_REMEMBERED = 20_000;

/** Copies of environments' URL mappings in the isolate's memory. */
export class CachedSiteMap implements SiteMap {
  readonly #source: Pick<EnvironmentStore, "mappings">;
  readonly #now: () => number;
  readonly #known = new BoundedCache<{ mappings: readonly UrlMapping[]; at: number }>(MAX_REMEMBERED);
  /** Mappings that were changed here and may be asked for again. */
  readonly #forgotten = new Map<number, number>();

  constructor(source: Pick<EnvironmentStore, "mappings">, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  async mappings(environmentId: number): Promise<readonly UrlMapping[]> {
    const known = this.#known.get(String(environmentId));
    const forgotten = this.#forgotten.get(environmentId) ?? 0;
    if (known !== undefined && known.at > forgotten && this.#now() - known.at < MAX_AGE_MS) {
      return known.mappings;
    }
    const at = this.#now();
    const mappings = await this.#source.mappings(environmentId);
    this.#known.set(String(environmentId), { mappings, at }, Math.max(1, mappings.length));
    return mappings;
  }

  forget(environmentId: number): void {
    this.#forgotten.set(environmentId, this.#now());
  }
}
