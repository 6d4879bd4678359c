import { expect } from "vitest";
import { admin } from "./worker";

/** Makes users with keys over the management API, as an administrator would. */

async function make(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await admin("POST", path, body);
  const text = await response.text();
  expect(response.status, text).toBe(201);
  return JSON.parse(text) as Record<string, unknown>;
}

export interface Keyed {
  user: string;
  keyId: string;
  key: string;
  /** Headers that send the key. */
  headers: { authorization: string };
}

export async function newKey(user: string, more: Record<string, unknown> = {}): Promise<Keyed> {
  const { id, key } = await make(`/users/${encodeURIComponent(user)}/keys`, { name: "test", ...more });
  return { user, keyId: id as string, key: key as string, headers: { authorization: `Bearer ${key}` } };
}

/** A user in a group of its own, `<name>s`, whose role, `<name> role`, has the privileges; with a key. */
export async function newUser(name: string, privileges: readonly string[] = ["Use API Key"]): Promise<Keyed> {
  await make("/roles", { name: `${name} role`, privileges });
  await make("/groups", { name: `${name}s`, roles: [`${name} role`] });
  await make("/users", { name, groups: [`${name}s`] });
  return newKey(name);
}
