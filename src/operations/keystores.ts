import { SluiceError } from "../domain/errors";
import { type Json, type JsonObject, parseJson } from "../domain/json";
import {
  checkKey,
  checkValue,
  expiryOf,
  type KeystoreDefinition,
  type KeystoreEntry,
  type KeystoreRef,
  type KeystoreValue,
  valueOfJson,
} from "../domain/keystore";
import { parseSearch } from "../domain/keystore-search";
import { MAX_KEYSTORE_EXPIRY_MS } from "../domain/limits";
import { decodeText } from "../domain/text-encoding";
import { formats } from "../engine/formats";
import type { KeystorePage, KeystorePort, WriteOutcome } from "../engine/keystore-port";
import type { Catalog, World } from "./ports";
import { bodyKind } from "./run-input";
import { readWireXml } from "./wire-xml";

/** Reading and writing keystores (seed: Keystore), for every surface. */

export interface KeystoreServices {
  keystores: KeystorePort;
  catalog: Catalog;
  world: Pick<World, "now">;
}

/** @throws SluiceError not_found */
export async function requireKeystore(
  { keystores }: Pick<KeystoreServices, "keystores">,
  environmentId: number,
  name: string,
): Promise<KeystoreRef> {
  const store = await keystores.find(environmentId, name);
  if (store === undefined) throw new SluiceError("not_found", "There is no keystore of this name.");
  return store;
}

/** The entry of a key; a missing one is made with the store's empty structure (seed). */
export async function readKey(
  services: KeystoreServices,
  environmentId: number,
  name: string,
  key: string,
  fresh: boolean,
): Promise<KeystoreEntry> {
  const store = await requireKeystore(services, environmentId, name);
  const [entry] = await services.keystores.read(store, [checkKey(key)], { fresh, create: true });
  if (entry === undefined)
    throw new SluiceError("conflict", "The key was deleted while it was read. Ask again.");
  return entry;
}

/** The entry of a key; nothing is made. @throws SluiceError not_found */
export async function findKey(
  services: KeystoreServices,
  environmentId: number,
  name: string,
  key: string,
): Promise<KeystoreEntry> {
  const store = await requireKeystore(services, environmentId, name);
  const [entry] = await services.keystores.read(store, [checkKey(key)], { fresh: true });
  if (entry === undefined) throw missingKey();
  return entry;
}

export interface WriteRequest {
  environmentId: number;
  keystore: string;
  key: string;
  /** The body as it came, and its content type. */
  bytes: Uint8Array;
  contentType: string;
  /** How long it lives, as a client says it; the store's own default when not given. */
  expiresIn?: string | undefined;
}

/**
 * Inserts a key, or writes it whether it is there or not; gives back what is stored.
 * @throws SluiceError conflict when an inserted key exists; what `valueOfBody` throws
 */
export async function writeKey(
  services: KeystoreServices,
  kind: "insert" | "put",
  request: WriteRequest,
): Promise<KeystoreEntry> {
  const store = await requireKeystore(services, request.environmentId, request.keystore);
  const key = checkKey(request.key);
  const { definition } = store;
  const value = valueOfBody(definition, request.bytes, request.contentType);
  const expiresAt = expiryOf(definition, services.world.now(), readExpiresIn(request.expiresIn));
  const [outcome] = (await services.keystores.write(store, [{ kind, key, value, expiresAt }])) as [
    WriteOutcome,
  ];
  if (outcome.kind !== "written") {
    throw new SluiceError("conflict", "The key exists already. PUT writes a key whether it exists or not.");
  }
  const { version, updatedAt } = outcome;
  return { ...value, version, updatedAt, expiresAt };
}

/** @throws SluiceError not_found when there is no such key */
export async function deleteKey(
  services: KeystoreServices,
  environmentId: number,
  name: string,
  key: string,
): Promise<void> {
  const store = await requireKeystore(services, environmentId, name);
  const [outcome] = await services.keystores.write(store, [{ kind: "delete", key: checkKey(key) }]);
  if (outcome?.kind !== "deleted") throw missingKey();
}

/** What a search finds: a row for each entry. @throws SluiceError invalid_request, payload_too_large */
export async function searchKeystore(
  services: KeystoreServices,
  environmentId: number,
  name: string,
  source: Json,
): Promise<JsonObject[]> {
  const store = await requireKeystore(services, environmentId, name);
  const [rows = []] = await services.keystores.search(store, [parseSearch(source)]);
  return rows;
}

/** A keystore, for administrators. */
export interface DescribedKeystore {
  name: string;
  project: string;
  definition: KeystoreDefinition;
}

export async function listKeystores(
  { catalog }: KeystoreServices,
  environmentId: number,
): Promise<DescribedKeystore[]> {
  const found = await catalog.resources(environmentId, "keystore");
  return found.map(({ name, project, definition }) => ({ name, project, definition }));
}

/** A keystore with the number of its entries. */
export async function describeKeystore(
  services: KeystoreServices,
  environmentId: number,
  name: string,
): Promise<DescribedKeystore & { keys: number }> {
  const found = await services.catalog.resource(environmentId, "keystore", name);
  if (found === undefined) throw new SluiceError("not_found", `There is no keystore "${name}".`);
  const { project, definition } = found;
  const keys = await services.keystores.count({ environmentId, id: found.id, definition });
  return { name, project, definition, keys };
}

/** Keys that begin with `prefix`, in order, behind `after`. */
export async function browseKeys(
  services: KeystoreServices,
  environmentId: number,
  name: string,
  page: { prefix: string; after: string | undefined; limit: number },
): Promise<KeystorePage> {
  const store = await requireKeystore(services, environmentId, name);
  return services.keystores.browse(store, page.prefix, page.after, page.limit);
}

/**
 * A body as a value of a keystore. A JSON keystore takes JSON, and XML as the JSON that it stands for on the whole v1 API;
 * a raw one keeps every text to the letter, after seeing that it is what its content type says.
 * @throws FormatError, SluiceError payload_too_large
 */
export function valueOfBody(
  { type }: KeystoreDefinition,
  bytes: Uint8Array,
  contentType: string,
): KeystoreValue {
  const what = "The body";
  const kind = bodyKind(contentType);
  const text = decodeText(bytes, contentType, what);
  if (kind === "xml") {
    const value: KeystoreValue =
      type === "raw" ? { text, format: "xml" } : valueOfJson(type, readWireXml(text, what).value);
    // What is no XML must not be answered as XML one day.
    if (type === "raw") formats.xml.parse(text, { arrays: [], numbers: false }, what);
    return checkValue(value);
  }
  if (type === "json") {
    parseJson(text, `${what} of a JSON keystore`);
    return checkValue({ text, format: "json" });
  }
  if (kind !== "json") return checkValue({ text, format: "text" });
  const json = parseJson(text, what);
  return checkValue(typeof json === "string" ? valueOfJson(type, json) : { text, format: "json" });
}

const SECOND_MS = 1_000;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Milliseconds of `90` (seconds, as in HTTP), `30s`, `15m`, `2h`, `7d`. @throws SluiceError invalid_request */
function readExpiresIn(source: string | undefined): number | undefined {
  if (source === undefined) return undefined;
  const [, digits, unit = "s"] = /^(\d{1,9})\s*([smhd])?$/.exec(source) ?? [];
  const ms = Number(digits) * (UNITS[unit] as number) * SECOND_MS;
  if (digits !== undefined && ms >= SECOND_MS && ms <= MAX_KEYSTORE_EXPIRY_MS) return ms;
  const reason = `write whole seconds, or a duration such as 15m, 2h, 7d, up to ${MAX_KEYSTORE_EXPIRY_MS / SECOND_MS} seconds (MAX_KEYSTORE_EXPIRY_MS)`;
  throw new SluiceError("invalid_request", `expires_in: ${reason}.`, {
    problems: [{ path: "expires_in", reason }],
    limit: "MAX_KEYSTORE_EXPIRY_MS",
  });
}

function missingKey(): SluiceError {
  return new SluiceError("not_found", "There is no such key in the keystore.");
}
