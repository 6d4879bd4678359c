import { credentialHash, credentialHint, newCredential } from "../../domain/credential";
import { SluiceError } from "../../domain/errors";
import type { ApiKeyKind } from "./ports";

/** Kinds of tokens that the event API takes (seed: account, source and channel). */
export const EVENT_TOKEN_KINDS = ["account", "source", "channel"] as const;
export type EventTokenKind = (typeof EVENT_TOKEN_KINDS)[number];

/** A key or token as its owners see it: never in clear. */
export interface KeySummary<Kind extends string> {
  id: number;
  kind: Kind;
  name: string;
  /** Its last four characters. */
  hint: string;
  createdBy: string;
  /** Milliseconds since 1970, like the others. */
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
  lastUsedAt: number | null;
}

export interface NewKey<Kind extends string> {
  kind: Kind;
  name: string;
  expiresAt: number | null;
  by: string;
}

/** Keys of one owner: an organization's API keys, or an environment's event tokens. */
export interface KeyStore<Kind extends string> {
  list(ownerId: number, limit: number, after: number): Promise<KeySummary<Kind>[]>;
  create(
    ownerId: number,
    key: NewKey<Kind> & { hash: string; hint: string; now: number },
  ): Promise<KeySummary<Kind>>;
  /** `undefined` when the owner has no such key; one that is revoked stays as it is. */
  revoke(ownerId: number, id: number, now: number): Promise<KeySummary<Kind> | undefined>;
}

export interface KeyServices {
  apiKeys: KeyStore<ApiKeyKind>;
  eventTokens: KeyStore<EventTokenKind>;
  access: { forget(): void };
  world: { now(): number };
}

/** Makes a key. It is shown this once; what is kept is its hash. */
export async function issueKey<Kind extends string>(
  services: KeyServices,
  store: KeyStore<Kind>,
  ownerId: number,
  key: NewKey<Kind>,
): Promise<KeySummary<Kind> & { key: string }> {
  const now = services.world.now();
  if (key.expiresAt !== null && key.expiresAt <= now) {
    const reason = "it lies in the past; give a time to come, or leave it out";
    throw new SluiceError("invalid_request", `expiresAt: ${reason}.`, {
      problems: [{ path: "/expiresAt", reason }],
    });
  }
  const clear = newCredential();
  const summary = await store.create(ownerId, {
    ...key,
    now,
    hash: (await credentialHash(clear)) as string,
    hint: credentialHint(clear),
  });
  return { ...summary, key: clear };
}

export async function revokeKey<Kind extends string>(
  services: KeyServices,
  store: KeyStore<Kind>,
  ownerId: number,
  id: number,
): Promise<KeySummary<Kind>> {
  const revoked = await store.revoke(ownerId, id, services.world.now());
  if (revoked === undefined) throw new SluiceError("not_found", `There is no key ${id} here.`);
  services.access.forget();
  return revoked;
}
