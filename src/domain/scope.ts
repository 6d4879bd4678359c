import { z } from "zod";

/**
 * What a caller of the v1 API may do (seed: `X-Scopes`; contract, section 3). The plain scope of a name includes the others
 * of that name: `record` includes `record.read` and `record.delete`.
 */
export const SCOPES = [
  "schema",
  "schema.read",
  "record",
  "record.read",
  "record.delete",
  "flowdiagram",
  "flowdiagram.read",
  "webhook",
  "webhook.read",
  "keystore",
  "keystore.read",
  "tables",
  "tables.read",
] as const;

export const Scope = z.enum(SCOPES, { error: `a scope is one of ${SCOPES.join(", ")}` });
export type Scope = z.output<typeof Scope>;

/** Whether who holds `granted` may do what needs `needed`. */
export function includesScope(granted: Iterable<Scope>, needed: Scope): boolean {
  const plain = needed.split(".", 1)[0];
  for (const scope of granted) if (scope === needed || scope === plain) return true;
  return false;
}

/** Names of a list as clients send it, divided by spaces or commas (RFC 6749 says spaces, the seed shows both). */
export function scopeNames(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}

export function isScope(name: string): name is Scope {
  return (SCOPES as readonly string[]).includes(name);
}
