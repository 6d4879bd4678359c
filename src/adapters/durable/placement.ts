import type { Region } from "../../domain/environment-life";
import { logWarning } from "../../domain/operator-log";
import type { MaybePromise } from "../../engine/maybe-promise";

/** Objects as clients reach them: by name. */
export type NamedObjects<T extends Rpc.DurableObjectBranded | undefined = undefined> = Pick<
  DurableObjectNamespace<T>,
  "getByName"
>;

/**
 * Where Cloudflare is asked to make objects, by the region of their environment: its hints are parts of continents, so
 * the nearest one that holds the city. It takes a hint when an object is made, and never moves one.
 */
export const LOCATION_HINTS: Readonly<Record<Region, DurableObjectLocationHint>> = {
  amsterdam: "weur",
  frankfurt: "weur",
  london: "weur",
  "new york": "enam",
  "san francisco": "wnam",
  toronto: "enam",
  bangalore: "apac",
  singapore: "apac",
};

/** Environments that an isolate remembers; a region never changes. */
const MAX_REMEMBERED = 10_000;

export interface PlacementOptions {
  /** The region that someone chose for an environment; `undefined` where nobody did. */
  regionOf: (environmentId: number) => Promise<Region | undefined>;
}

/** Has the objects of an environment (`e{environment}…`) made where its region is. */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #known = new Map<number, DurableObjectLocationHint | undefined>();

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** The same objects, asked for with the hint of their environment's region. */
  of<T extends Rpc.DurableObjectBranded | undefined>(namespace: DurableObjectNamespace<T>): NamedObjects<T> {
    const at = (name: string, hint: DurableObjectLocationHint | undefined): DurableObjectStub<T> =>
      hint === undefined ? namespace.getByName(name) : namespace.getByName(name, { locationHint: hint });
    return {
      getByName: (name) => {
        const hint = this.#hint(name);
        return hint instanceof Promise ? later(hint.then((known) => at(name, known))) : at(name, hint);
      },
    };
  }

  #hint(name: string): MaybePromise<DurableObjectLocationHint | undefined> {
    const environmentId = Number(/^e(\d+)(?:\/|$)/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(environmentId)) return undefined;
    if (this.#known.has(environmentId)) return this.#known.get(environmentId);
    return this.#ask(environmentId);
  }

  async #ask(environmentId: number): Promise<DurableObjectLocationHint | undefined> {
    try {
      const region = await this.#options.regionOf(environmentId);
      const hint = region === undefined ? undefined : LOCATION_HINTS[region];
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      this.#known.set(environmentId, hint);
      return hint;
    } catch (error) {
      // An object that is there already answers without the database; a new one is made near its caller.
      logWarning("an environment's region could not be read", error, { environmentId });
      return undefined;
    }
  }
}

/** A stub that is known in a moment: its methods wait for it. Clients call nothing but methods, and await what they give. */
function later<T extends Rpc.DurableObjectBranded | undefined>(
  stub: Promise<DurableObjectStub<T>>,
): DurableObjectStub<T> {
  return new Proxy({} as DurableObjectStub<T>, {
    get:
      (_target, method) =>
      async (...values: unknown[]): Promise<unknown> => {
        const object = (await stub) as unknown as Record<string | symbol, (...values: unknown[]) => unknown>;
        return object[method]?.(...values);
      },
  });
}
