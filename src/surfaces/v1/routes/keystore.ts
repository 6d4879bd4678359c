import { jsonOfValue, type KeystoreEntry } from "../../../domain/keystore";
import { fromXml } from "../../../domain/xml-body";
import {
  deleteKey,
  readKey,
  searchKeystore,
  type WriteRequest,
  writeKey,
} from "../../../operations/keystores";
import { bare, defineV1Route, ok, plain, type V1Answer, type V1Call, type V1Parameter } from "../route";

/** Keystores (seed: Keystore). They need only the API key, or a token with the scope; values come and go bare. */

const tag = "v1: keystore";

/** Ours: how long a written entry lives. */
const EXPIRES_IN: V1Parameter = {
  headers: ["x-expires-in"],
  url: ["expires_in"],
  description: "How long the entry lives: whole seconds, or a duration such as 15m, 2h, 7d.",
};

/** A stored value in the format that is asked for; to the letter where that is the format it was written in. */
function onWire(
  { text, format, updatedAt }: KeystoreEntry,
  call: Pick<V1Call, "format" | "fields">,
): V1Answer {
  const known = { lastModified: updatedAt };
  if (call.format === "text") return plain(text, known);
  if (call.format === format && call.fields === undefined) {
    return plain(text, { ...known, contentType: `application/${format}; charset=utf-8` });
  }
  return bare(jsonOfValue({ text, format }), known);
}

export const getKey = defineV1Route({
  method: "GET",
  path: "/v1/keystore/{keystore}/{key}",
  summary: "Get the data of a key; a missing key is created with the empty structure of its keystore",
  tag,
  authority: "apikey",
  scope: "keystore.read",
  body: "none",
  textOut: true,
  async handle(call) {
    const { keystore = "", key = "" } = call.path;
    const entry = await readKey(call.services, call.principal.environment.id, keystore, key, call.fresh);
    return onWire(entry, call);
  },
});

function writeRequest(call: V1Call<"expires_in">): WriteRequest {
  const { keystore = "", key = "" } = call.path;
  return {
    environmentId: call.principal.environment.id,
    keystore,
    key,
    bytes: call.body.bytes,
    contentType: call.body.contentType,
    expiresIn: call.parameters.expires_in,
  };
}

export const insertKey = defineV1Route({
  method: "POST",
  path: "/v1/keystore/{keystore}/{key}",
  summary: "Insert data under a key; 409 when the key exists",
  tag,
  authority: "apikey",
  scope: "keystore",
  parameters: { expires_in: EXPIRES_IN },
  body: "bytes",
  textOut: true,
  handle: async (call) => onWire(await writeKey(call.services, "insert", writeRequest(call)), call),
});

export const putKey = defineV1Route({
  method: "PUT",
  path: "/v1/keystore/{keystore}/{key}",
  summary: "Insert or update the data of a key",
  tag,
  authority: "apikey",
  scope: "keystore",
  parameters: { expires_in: EXPIRES_IN },
  body: "bytes",
  textOut: true,
  handle: async (call) => onWire(await writeKey(call.services, "put", writeRequest(call)), call),
});

export const removeKey = defineV1Route({
  method: "DELETE",
  path: "/v1/keystore/{keystore}/{key}",
  summary: "Delete a key",
  tag,
  authority: "apikey",
  scope: "keystore",
  body: "none",
  async handle(call) {
    const { keystore = "", key = "" } = call.path;
    await deleteKey(call.services, call.principal.environment.id, keystore, key);
    return ok(null, `Successfully deleted key ${key} in keystore ${keystore}`);
  },
});

/** Lists of a search, which XML writes like their element when they have one. */
const SEARCH_LISTS = { rules: "rule", select: "item" };

export const searchKeys = defineV1Route({
  method: "POST",
  path: "/v1/keystore/{keystore}",
  summary: "Search in a keystore",
  tag,
  authority: "apikey",
  scope: "keystore.read",
  body: "data",
  accepts: ["json", "xml"],
  bodyRequired: true,
  safe: true,
  async handle(call) {
    const { keystore = "" } = call.path;
    const { kind, value = null } = call.body;
    const search = kind === "xml" ? fromXml(value, SEARCH_LISTS) : value;
    return bare(await searchKeystore(call.services, call.principal.environment.id, keystore, search));
  },
});
