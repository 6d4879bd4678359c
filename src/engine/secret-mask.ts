import { type Json, type JsonObject, setOwn } from "../domain/json";

/** What stands where a secret was. */
export const MASK = "[masked]";

/** Characters from which a secret is looked for inside other text; a shorter one is masked only where it stands alone. */
const MIN_INNER_CHARS = 4;

/**
 * The secrets that a run has seen, kept out of whatever leaves it: messages, errors, outcomes. Each is known in the
 * forms in which it travels: as it is, inside JSON, percent-encoded, in a form, in base64.
 */
export class SecretMask {
  readonly #alone = new Set<string>();
  #inner: string[] = [];

  add(secret: string): void {
    if (secret === "" || this.#alone.has(secret)) return;
    const percent = percentEncoded(secret);
    const forms = [
      secret,
      JSON.stringify(secret).slice(1, -1),
      percent,
      percent.replaceAll("%20", "+"),
      base64(secret),
    ];
    for (const form of forms) {
      this.#alone.add(form);
      if (form.length >= MIN_INNER_CHARS && !this.#inner.includes(form)) this.#inner.push(form);
    }
    // The longest first, so that a secret inside another one leaves nothing of the other.
    this.#inner.sort((left, right) => right.length - left.length);
  }

  /** Whether there is nothing to mask. */
  get empty(): boolean {
    return this.#alone.size === 0;
  }

  text(text: string): string {
    if (this.#alone.has(text)) return MASK;
    let masked = text;
    for (const form of this.#inner) if (masked.includes(form)) masked = masked.replaceAll(form, MASK);
    return masked;
  }

  /** The value itself when nothing in it had to be masked. What JSON does not know is left alone. */
  json(value: Json): Json {
    if (typeof value === "string") return this.text(value);
    if (typeof value === "number") return this.#alone.has(String(value)) ? MASK : value;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      // Copied only from where something is masked, which is rare.
      let masked: Json[] | undefined;
      for (let index = 0; index < value.length; index += 1) {
        const element = value[index] as Json;
        const inner = this.json(element);
        if (masked !== undefined) masked.push(inner);
        else if (inner !== element) masked = [...value.slice(0, index), inner];
      }
      return masked ?? value;
    }
    let masked: JsonObject | undefined;
    const keys = Object.keys(value);
    for (const [index, key] of keys.entries()) {
      const field = value[key] as Json;
      const name = this.text(key);
      const inner = this.json(field);
      if (masked === undefined && (inner !== field || name !== key)) {
        masked = {};
        for (const before of keys.slice(0, index)) setOwn(masked, before, value[before] as Json);
      }
      if (masked !== undefined) setOwn(masked, name, inner);
    }
    return masked ?? value;
  }
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function base64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
