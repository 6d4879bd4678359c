import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { isRunId } from "../domain/process-id";

/*
 * The address at which one step of one run may be called back, as a text that cannot be made up or changed:
 *
 *   {environment, base 36}.{process id}.{step, base64url}.{HMAC-SHA256 of all before it, base64url}
 *
 * It names everything that is needed to find the run, so nothing is stored when it is made. Whether it has been used, or its
 * time has passed, the run's shard knows. Synchronous, since expressions ask for it.
 */

/** Bytes of the deployment's master key. */
const MASTER_KEY_BYTES = 32;
/** Tells this key from others that are derived from the same one; another number makes all addresses invalid. */
const PURPOSE = "sluice callback 1";
/** Characters of a token that are looked at: step names are far shorter. */
const MAX_TOKEN_CHARS = 8_000;

/** Which step of which run. */
export interface CallbackAddress {
  environmentId: number;
  runId: string;
  /** Path of the step: `approve`, `quote>approve`, `[3]/approve`. */
  step: string;
}

/** Makes and checks the tokens of callback addresses, under a key derived from the deployment's. */
export class CallbackSigner {
  /** The first one signs; the others are those before it, whose tokens still count. */
  readonly #keys: readonly [Uint8Array, ...Uint8Array[]];

  private constructor(keys: readonly [Uint8Array, ...Uint8Array[]]) {
    this.#keys = keys;
  }

  /**
   * @param masterKey base64 of 32 bytes; `undefined` or anything else gives no signer
   * @param previous the master key before it
   */
  static of(masterKey: string | undefined, previous?: string): CallbackSigner | undefined {
    const [key, before] = [masterKey, previous].map(derivedKey);
    if (key === undefined) return undefined;
    return new CallbackSigner(before === undefined ? [key] : [key, before]);
  }

  sign({ environmentId, runId, step }: CallbackAddress): string {
    const address = `${environmentId.toString(36)}.${runId}.${Buffer.from(step).toString("base64url")}`;
    return `${address}.${mac(address, this.#keys[0]).toString("base64url")}`;
  }

  /** The address that a token stands for; `undefined` for anything that was not signed here. */
  verify(token: string): CallbackAddress | undefined {
    if (token.length > MAX_TOKEN_CHARS) return undefined;
    const [environment = "", runId = "", step = "", signature = "", ...more] = token.split(".");
    if (more.length > 0 || !isRunId(runId)) return undefined;
    const given = Buffer.from(signature, "base64url");
    // Compared as text too: base64 has several spellings of the same bytes, and one address has one.
    if (given.toString("base64url") !== signature) return undefined;
    const address = `${environment}.${runId}.${step}`;
    const signed = this.#keys.some((key) => {
      const expected = mac(address, key);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
    if (!signed) return undefined;
    return {
      environmentId: Number.parseInt(environment, 36),
      runId,
      step: Buffer.from(step, "base64url").toString("utf8"),
    };
  }
}

function derivedKey(masterKey: string | undefined): Uint8Array | undefined {
  const bytes = Buffer.from(masterKey ?? "", "base64");
  if (bytes.length !== MASTER_KEY_BYTES) return undefined;
  return new Uint8Array(hkdfSync("sha256", bytes, "", PURPOSE, MASTER_KEY_BYTES));
}

function mac(address: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(address).digest();
}
