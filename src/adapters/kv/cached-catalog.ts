import { sha256Hex } from "../../domain/digest";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type {
  FlowAddress,
  FlowLookup,
  FlowPointer,
  Resolution,
  StoredVersion,
  Workflow,
} from "../../domain/flow-address";
import type { Resource, ResourceKind } from "../../domain/resource";
import { after, type MaybePromise } from "../../engine/maybe-promise";
import type { Plan } from "../../engine/plan";
import type { Catalog, Trust } from "../../operations/ports";
import { BoundedCache } from "../bounded-cache";
import type { CatalogSource } from "../d1/catalog-source";

/*
 * Three layers: this isolate's memory, KV at the edge, D1. Invariants:
 * 1. A flow version never changes, so its copies are kept for good.
 * 2. Whatever can change (where a name leads, a flow's state) is kept under the environment's epoch, a number that every
 *    publication raises. Looking again means reading that one number, however many flows there are.
 * 3. The epoch's KV copy lives 60 seconds and is then read from D1, so a crash between commit and put heals itself.
 * 4. Nothing is concluded from a KV miss: D1 is asked.
 */

/** Seconds that copies of what can change live in KV: its minimum. */
const POINTER_TTL_S = 60;
/** Seconds that copies under an epoch live in KV; they are useless once it has passed. */
const EPOCH_COPY_TTL_S = 3_600;
/** Milliseconds between two writes of one key that KV takes, and a little. */
const KV_WRITE_INTERVAL_MS = 1_100;
/** Characters of a host name (RFC 1035). */
const MAX_HOST_CHARS = 253;
/** Names remembered in an isolate, found and not found. */
const MAX_NAMES = 20_000;
/** Resources remembered in an isolate as members of lists. */
const MAX_LISTED = 20_000;
/** Characters of definitions whose plans an isolate keeps: a plan takes some ten times its text in memory. */
const MAX_PLAN_CHARS = 4_000_000;

interface Aged<T> {
  value: T;
  at: number;
}

export interface CachedCatalogOptions {
  kv: KVNamespace;
  source: CatalogSource;
  /** Milliseconds for which an epoch or a host's environment is trusted without looking again. */
  maxAgeMs: number;
  now: () => number;
  compile: (stored: StoredVersion, pointer: FlowPointer) => Plan;
  /** Lets work go on after the answer. */
  background: (work: Promise<unknown>) => void;
  /** Told of every publication, and of every host name that leads elsewhere, through this isolate. */
  onAdvance?: () => void;
}

export class CachedCatalog implements Catalog {
  readonly #options: CachedCatalogOptions;
  readonly #environments = new BoundedCache<Aged<Environment | undefined>>(1_000);
  readonly #epochs = new Map<number, Aged<number>>();
  readonly #names = new BoundedCache<Resolution>(MAX_NAMES);
  readonly #flows = new BoundedCache<FlowPointer | "missing">(MAX_NAMES);
  readonly #lookups = new BoundedCache<FlowLookup>(MAX_NAMES);
  readonly #resources = new BoundedCache<Resource | "missing">(MAX_NAMES);
  readonly #lists = new BoundedCache<readonly Resource[]>(MAX_LISTED);
  readonly #workflows = new BoundedCache<readonly Workflow[]>(MAX_LISTED);
  readonly #plans = new BoundedCache<Plan>(MAX_PLAN_CHARS);
  #generation: object = {};

  constructor(options: CachedCatalogOptions) {
    this.#options = options;
  }

  environment(name: string): MaybePromise<Environment> {
    const host = hostKey(name);
    const known = this.#environments.get(host);
    if (known !== undefined && this.#usable(known)) return known.value ?? Promise.reject(noEnvironment());
    return this.#loadHost(host);
  }

  get generation(): object {
    return this.#generation;
  }

  trust(host: string, environment: Environment): Trust | undefined {
    const [known, epoch] = [this.#environments.get(hostKey(host)), this.#epochs.get(environment.id)];
    if (known?.value?.id !== environment.id || epoch === undefined) return undefined;
    const from = Math.max(known.at, epoch.at);
    return {
      generation: this.#generation,
      from,
      until: Math.min(known.at, epoch.at) + this.#options.maxAgeMs,
    };
  }

  #loadHost(host: string): Promise<Environment> {
    const source = async () => (await this.#options.source.environment(host)) ?? null;
    const keep = (environment: Environment | null) => environment !== null;
    return this.#through(`host/${host}`, POINTER_TTL_S, source, keep).then((environment) => {
      if (this.#environments.get(host)?.value?.id !== environment?.id) this.#generation = {};
      this.#environments.set(host, { value: environment ?? undefined, at: this.#options.now() });
      if (environment === null) throw noEnvironment();
      return environment;
    });
  }

  resolve(environment: Environment, address: FlowAddress): MaybePromise<Resolution> {
    return after(this.#epoch(environment.id), (epoch) => {
      // Names hold no control characters, so these parts cannot run into each other.
      const name = address.kind === "named" ? `${address.project}\u0000${address.flow}` : address.segment;
      const key = `e/${environment.id}/${epoch}/${address.kind}/${name}`;
      const known = this.#names.get(key);
      if (known !== undefined) return known;
      const source = () => this.#options.source.resolve(environment.id, address);
      return this.#throughHashed(key, source, (resolution) => resolution.kind === "found").then(
        (resolution) => {
          this.#names.set(key, resolution);
          return resolution;
        },
      );
    });
  }

  flow(environmentId: number, projectId: number, name: string): MaybePromise<FlowPointer | undefined> {
    return after(this.#epoch(environmentId), (epoch) => {
      const key = `e/${environmentId}/${epoch}/flow/${projectId}/${name}`;
      const known = this.#flows.get(key);
      if (known !== undefined) return known === "missing" ? undefined : known;
      const source = async () => (await this.#options.source.flow(environmentId, projectId, name)) ?? null;
      return this.#throughHashed(key, source, (pointer) => pointer !== null).then((pointer) => {
        this.#flows.set(key, pointer ?? "missing");
        return pointer ?? undefined;
      });
    });
  }

  flowById(environmentId: number, flowId: number, draft = false): MaybePromise<FlowPointer | undefined> {
    return after(this.#epoch(environmentId), (epoch) => {
      const key = `e/${environmentId}/${epoch}/${draft ? "draft" : "id"}/${flowId}`;
      const known = this.#flows.get(key);
      if (known !== undefined) return known === "missing" ? undefined : known;
      const source = async () => (await this.#options.source.flowById(environmentId, flowId, draft)) ?? null;
      return this.#through(key, EPOCH_COPY_TTL_S, source, (pointer) => pointer !== null).then((pointer) => {
        this.#flows.set(key, pointer ?? "missing");
        return pointer ?? undefined;
      });
    });
  }

  workflows(environmentId: number, event: string, draft: boolean): MaybePromise<readonly Workflow[]> {
    return after(this.#epoch(environmentId), (epoch) => {
      const key = `e/${environmentId}/${epoch}/${draft ? "draft-workflows" : "workflows"}/${event}`;
      const known = this.#workflows.get(key);
      if (known !== undefined) return known;
      const source = () => this.#options.source.workflows(environmentId, event, draft);
      return this.#throughHashed(key, source, (workflows) => workflows.length > 0).then((workflows) => {
        this.#workflows.set(key, workflows, Math.max(1, workflows.length));
        return workflows;
      });
    });
  }

  resource<K extends ResourceKind>(
    environmentId: number,
    kind: K,
    name: string,
  ): MaybePromise<Resource<K> | undefined> {
    return after(this.#epoch(environmentId), (epoch) => {
      const key = `e/${environmentId}/${epoch}/resource/${kind}/${name}`;
      const known = this.#resources.get(key);
      if (known !== undefined) return known === "missing" ? undefined : (known as Resource<K>);
      const source = async () => (await this.#options.source.resource(environmentId, kind, name)) ?? null;
      return this.#throughHashed(key, source, (resource) => resource !== null).then((resource) => {
        this.#resources.set(key, resource ?? "missing");
        return resource ?? undefined;
      });
    });
  }

  resources<K extends ResourceKind>(environmentId: number, kind: K): MaybePromise<readonly Resource<K>[]> {
    return after(this.#epoch(environmentId), (epoch) => {
      const key = `e/${environmentId}/${epoch}/resources/${kind}`;
      const known = this.#lists.get(key);
      if (known !== undefined) return known as readonly Resource<K>[];
      return this.#through(key, EPOCH_COPY_TTL_S, () =>
        this.#options.source.resources(environmentId, kind),
      ).then((resources) => {
        this.#lists.set(key, resources, Math.max(1, resources.length));
        return resources;
      });
    });
  }

  flowNamed(environmentId: number, nameOrId: string): MaybePromise<FlowLookup> {
    return after(this.#epoch(environmentId), (epoch) => {
      const key = `e/${environmentId}/${epoch}/named/${nameOrId}`;
      const known = this.#lookups.get(key);
      if (known !== undefined) return known;
      const source = () => this.#options.source.flowNamed(environmentId, nameOrId);
      return this.#throughHashed(key, source, (lookup) => lookup.kind === "found").then((lookup) => {
        this.#lookups.set(key, lookup);
        return lookup;
      });
    });
  }

  plan(pointer: FlowPointer): MaybePromise<Plan> {
    const key = `e/${pointer.environmentId}/version/${pointer.flowId}/${pointer.version}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    return this.#load(key, pointer);
  }

  async advance(environmentId: number, epoch: number): Promise<void> {
    this.#generation = {};
    this.#options.onAdvance?.();
    const known = this.#epochs.get(environmentId);
    if (known === undefined || known.value < epoch) {
      this.#epochs.set(environmentId, { value: epoch, at: this.#options.now() });
    }
    try {
      await this.#putEpoch(environmentId);
    } catch {
      // The change is committed, so its caller must not be told otherwise. KV takes one write a second and key: try once
      // more after it. Should that fail too, the copy's end of life brings the new epoch.
      this.#options.background(
        new Promise<void>((resolve) => setTimeout(resolve, KV_WRITE_INTERVAL_MS)).then(() =>
          this.#putEpoch(environmentId),
        ),
      );
    }
  }

  /** Forgets where host names lead, here at once; elsewhere what an isolate or KV remembers of them ages away. */
  async forgetHosts(hosts: readonly string[]): Promise<void> {
    this.#generation = {};
    this.#options.onAdvance?.();
    this.#environments.clear();
    await Promise.all(hosts.map((host) => this.#options.kv.delete(`host/${host}`)));
  }

  #putEpoch(environmentId: number): Promise<void> {
    const epoch = this.#epochs.get(environmentId)?.value ?? 0;
    return this.#options.kv.put(epochKey(environmentId), JSON.stringify(epoch), {
      expirationTtl: POINTER_TTL_S,
    });
  }

  async #load(key: string, pointer: FlowPointer): Promise<Plan> {
    const { kv, source, compile, background } = this.#options;
    let text = await kv.get(key);
    if (text === null) {
      const stored = await source.version(pointer.environmentId, pointer.flowId, pointer.version);
      if (stored === undefined) throw new Error(`flow ${pointer.flowId} has no version ${pointer.version}`);
      text = JSON.stringify(stored);
      background(kv.put(key, text));
    }
    const plan = compile(JSON.parse(text) as StoredVersion, pointer);
    // Who keeps findings keeps plans, too, and lets go of them with the generation.
    if (this.#plans.set(key, plan, text.length)) this.#generation = {};
    return plan;
  }

  /**
   * Whether what is known may be used without looking again. The first to find it old goes and looks, and those who come
   * meanwhile use it still: otherwise each of them would read KV, too.
   */
  #usable(aged: Aged<unknown>): boolean {
    const now = this.#options.now();
    // What is from the future says that the clock was put back, and nothing of its age.
    if (aged.at <= now && now - aged.at < this.#options.maxAgeMs) return true;
    aged.at = now;
    return false;
  }

  #epoch(environmentId: number): MaybePromise<number> {
    const known = this.#epochs.get(environmentId);
    if (known !== undefined && this.#usable(known)) return known.value;
    const read = this.#through(epochKey(environmentId), POINTER_TTL_S, () =>
      this.#options.source.epoch(environmentId),
    );
    return read.then((epoch) => {
      // KV may be behind what this isolate itself published.
      const before = this.#epochs.get(environmentId)?.value ?? 0;
      const value = Math.max(epoch, before);
      if (value !== before) this.#generation = {};
      this.#epochs.set(environmentId, { value, at: this.#options.now() });
      return value;
    });
  }

  /** Reads a copy, or makes one. */
  async #through<T>(
    key: string,
    ttl: number,
    load: () => Promise<T>,
    keep: (value: T) => boolean = () => true,
  ): Promise<T> {
    const copy = await this.#options.kv.get<T>(key, "json");
    if (copy !== null) return copy;
    const value = await load();
    if (keep(value))
      this.#options.background(this.#options.kv.put(key, JSON.stringify(value), { expirationTtl: ttl }));
    return value;
  }

  /** Like `#through`, for keys made of names: a KV key has 512 bytes at most, and a name of 100 characters may have 400. */
  async #throughHashed<T>(key: string, load: () => Promise<T>, keep: (value: T) => boolean): Promise<T> {
    const [, environment, epoch] = key.split("/");
    return this.#through(`e/${environment}/${epoch}/${await sha256Hex(key)}`, EPOCH_COPY_TTL_S, load, keep);
  }
}

/** No host name is longer; whatever else a client wrote there leads to the default environment. */
function hostKey(name: string): string {
  return name.length > MAX_HOST_CHARS ? "" : name;
}

function noEnvironment(): SluiceError {
  return new SluiceError("not_found", "No environment has this host name; it may have been deleted.");
}

function epochKey(environmentId: number): string {
  return `e/${environmentId}/epoch`;
}
