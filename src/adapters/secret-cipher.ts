import { createHash } from "node:crypto";
import { SluiceError } from "../domain/errors";
import { BoundedCache } from "./bounded-cache";

/*
 * How secrets are encrypted: AES-256-GCM with a random initialization vector of 96 bits, under a key that HKDF-SHA-256
 * makes of the deployment's MASTER_KEY for one environment. Environment and name are authenticated with it, so that a row
 * which is moved to another name or environment does not decrypt. Stored: the id of the master key, and base64 of the
 * initialization vector followed by ciphertext and tag.
 */

/** Bytes of a master key, at least. */
export const MIN_MASTER_KEY_BYTES = 32;
const IV_BYTES = 12;
/** Keys of environments that are kept ready. */
const MAX_DERIVED = 1_000;

interface MasterKey {
  id: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface Sealed {
  keyId: string;
  sealed: string;
}

export class SecretCipher {
  readonly #current: MasterKey | undefined;
  readonly #previous: MasterKey | undefined;
  readonly #flaw: string;
  readonly #derived = new BoundedCache<CryptoKey>(MAX_DERIVED);

  /**
   * @param current base64 of at least 32 bytes
   * @param previous the one before the last rotation, to read what is still encrypted under it
   */
  constructor(current: string | undefined, previous?: string | undefined) {
    this.#current = masterKey(current);
    this.#previous = masterKey(previous);
    this.#flaw =
      current === undefined || current === ""
        ? "is not set"
        : `is not base64 of at least ${MIN_MASTER_KEY_BYTES} bytes`;
  }

  /** The id of the key that new secrets are encrypted under. @throws SluiceError not_configured */
  get keyId(): string {
    return this.#ready().id;
  }

  /** @throws SluiceError not_configured */
  requireKey(): void {
    this.#ready();
  }

  /** Which master key an id names; `unknown` is one that the deployment no longer has. */
  under(keyId: string): "current" | "previous" | "unknown" {
    if (keyId === this.#current?.id) return "current";
    return keyId === this.#previous?.id ? "previous" : "unknown";
  }

  /** @throws SluiceError not_configured */
  async seal(environmentId: number, name: string, value: string): Promise<Sealed> {
    const master = this.#ready();
    const key = await this.#derive(master, environmentId);
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: context(environmentId, name) },
      key,
      new TextEncoder().encode(value),
    );
    return { keyId: master.id, sealed: Buffer.concat([iv, new Uint8Array(sealed)]).toString("base64") };
  }

  /** @throws SluiceError not_configured, when it was encrypted under a key that is not here, or is not as it was written */
  async open(environmentId: number, name: string, { keyId, sealed }: Sealed): Promise<string> {
    this.#ready();
    const master = [this.#current, this.#previous].find((key) => key?.id === keyId);
    if (master === undefined) throw unreadable(name);
    const bytes = new Uint8Array(Buffer.from(sealed, "base64"));
    try {
      const value = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv: bytes.slice(0, IV_BYTES), additionalData: context(environmentId, name) },
        await this.#derive(master, environmentId),
        bytes.slice(IV_BYTES),
      );
      return new TextDecoder().decode(value);
    } catch (cause) {
      throw unreadable(name, cause);
    }
  }

  async #derive({ id, bytes }: MasterKey, environmentId: number): Promise<CryptoKey> {
    const known = this.#derived.get(`${id}/${environmentId}`);
    if (known !== undefined) return known;
    const encoder = new TextEncoder();
    const master = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
    const key = await crypto.subtle.deriveKey(
      {
        name: "HKDF",
        hash: "SHA-256",
        salt: encoder.encode("sluice secrets 1"),
        info: encoder.encode(`environment ${environmentId}`),
      },
      master,
      { name: "AES-GCM", length: 256 },
      false,
      ["encrypt", "decrypt"],
    );
    this.#derived.set(`${id}/${environmentId}`, key);
    return key;
  }

  #ready(): MasterKey {
    if (this.#current !== undefined) return this.#current;
    throw new SluiceError(
      "not_configured",
      `Secrets are closed: the deployment's MASTER_KEY ${this.#flaw}. Set it: openssl rand -base64 32.`,
    );
  }
}

function unreadable(name: string, cause?: unknown): SluiceError {
  return new SluiceError(
    "not_configured",
    `The secret "${name}" cannot be read: it was encrypted under another master key, or its row was changed. Set it again.`,
    {},
    { cause },
  );
}

/** What is authenticated beside the value. The name comes last, so that the parts cannot run into each other. */
function context(environmentId: number, name: string): Uint8Array {
  return new TextEncoder().encode(`sluice secret 1\n${environmentId}\n${name}`);
}

function masterKey(text: string | undefined): MasterKey | undefined {
  const plain = (text ?? "").trim();
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)) return undefined;
  const bytes = new Uint8Array(Buffer.from(plain, "base64"));
  if (bytes.length < MIN_MASTER_KEY_BYTES) return undefined;
  return {
    id: createHash("sha256").update("sluice master key id\0").update(bytes).digest("hex").slice(0, 16),
    bytes,
  };
}
