import { z } from "zod";
import { BoundedCache } from "../bounded-cache";

/** Milliseconds that a look-up may take: resolvers answer within some ten. */
const LOOKUP_TIMEOUT_MS = 5_000;
/** Bounds of the time that answers are kept, in seconds. */
const MIN_TTL_S = 5;
const MAX_TTL_S = 60;
/** Names kept: an isolate calls a few dozen hosts. */
const MAX_NAMES = 500;
/** Record types of addresses: A and AAAA. */
const TYPES = [1, 28] as const;

/** The JSON form of DNS over HTTPS, as public resolvers answer it (`application/dns-json`). */
const DnsAnswer = z.object({
  Status: z.number(),
  Answer: z.array(z.object({ type: z.number(), TTL: z.number().optional(), data: z.string() })).default([]),
});

interface Known {
  addresses: readonly string[];
  until: number;
}

/**
 * Looks names up over HTTPS, since a Worker does not see the address that its own fetch will use. The answers are
 * checked before the call; a name whose owner changes it between look-up and call is not caught by that, so integrations
 * name their hosts.
 */
export class NameLookup {
  readonly #resolver: string;
  readonly #known = new BoundedCache<Known>(MAX_NAMES);

  constructor(resolver: string) {
    this.#resolver = resolver;
  }

  /** All addresses of a name; none when it has none. @throws when the resolver does not answer */
  async addresses(name: string, signal: AbortSignal): Promise<readonly string[]> {
    const known = this.#known.get(name);
    if (known !== undefined && known.until > Date.now()) return known.addresses;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_TIMEOUT_MS)]);
    const answers = await Promise.all(TYPES.map((type) => this.#ask(name, type, limit)));
    const records = answers.flat();
    const addresses = records.map(({ data }) => data);
    const ttl = Math.min(MAX_TTL_S, ...records.map(({ TTL = MIN_TTL_S }) => Math.max(MIN_TTL_S, TTL)));
    this.#known.set(name, { addresses, until: Date.now() + ttl * 1_000 });
    return addresses;
  }

  async #ask(name: string, type: number, signal: AbortSignal) {
    const url = new URL(this.#resolver);
    url.searchParams.set("name", name);
    url.searchParams.set("type", String(type));
    const response = await fetch(url, {
      headers: { accept: "application/dns-json" },
      signal,
      redirect: "manual",
    });
    if (!response.ok) throw new Error(`the resolver answered ${response.status}`);
    const parsed = DnsAnswer.parse(await response.json());
    return parsed.Answer.filter((record) => record.type === type);
  }
}
