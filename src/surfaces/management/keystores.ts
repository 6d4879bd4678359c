import { createRoute, z } from "@hono/zod-openapi";
import { KEYSTORE_TYPES, type KeystoreEntry } from "../../domain/keystore";
import { MAX_KEYSTORE_KEY_CHARS, MAX_KEYSTORE_VALUE_BYTES } from "../../domain/limits";
import { readBody } from "../../http/request-body";
import {
  browseKeys,
  type DescribedKeystore,
  deleteKey,
  describeKeystore,
  findKey,
  listKeystores,
  writeKey,
} from "../../operations/keystores";
import { type ManagementContext, readQuery } from "./request";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Page } from "./schemas";

/** Keystores of the environment, and what is in them. */
export const keystores = newRouter();
const tags = ["Keystores"];

const KeystoreParams = z.object({
  keystore: z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name: "keystore", in: "path" }, example: "weather" }),
});
const KeyParams = KeystoreParams.extend({
  key: z
    .string()
    .min(1)
    .openapi({ param: { name: "key", in: "path" }, description: "Percent-encoded, slashes too." }),
});
const BrowseQuery = z.strictObject({
  limit: Page.limit,
  cursor: z
    .string()
    .max(MAX_KEYSTORE_KEY_CHARS)
    .optional()
    .openapi({ description: "`next` of the page before." }),
  prefix: z
    .string()
    .max(MAX_KEYSTORE_KEY_CHARS)
    .default("")
    .openapi({ description: "Only keys that begin with this." }),
});
const PutQuery = z.strictObject({
  expires_in: z
    .string()
    .optional()
    .openapi({ description: "How long the entry lives: whole seconds, or 15m, 2h, 7d." }),
});

const KeystoreView = z
  .object({
    name: z.string(),
    project: z.string(),
    type: z.enum(KEYSTORE_TYPES),
    description: z.string().nullable(),
    expires: z.union([z.string(), z.number()]).nullable().describe("How long entries live by default."),
  })
  .openapi("Keystore");
const KeystoreList = z.object({ keystores: z.array(KeystoreView) }).openapi("KeystoreList");
const KeystoreDetails = KeystoreView.extend({
  keys: z.number().int().describe("Entries; those that expired a moment ago may be among them."),
}).openapi("KeystoreDetails");
const EntryView = z
  .object({
    key: z.string(),
    format: z.enum(["json", "text", "xml"]),
    updatedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .openapi("KeystoreEntry");
const EntryList = z
  .object({
    entries: z.array(EntryView.extend({ bytes: z.number().int() })),
    next: z.string().nullable(),
  })
  .openapi("KeystoreEntryList");

const noKeystore = problem("There is no such keystore.");
const noKey = problem("There is no such keystore or key.");

const keystoreOnWire = ({ name, project, definition }: DescribedKeystore) => ({
  name,
  project,
  type: definition.type,
  description: definition.description ?? null,
  expires: definition.expires ?? null,
});

const entryOnWire = ({
  key,
  format,
  updatedAt,
  expiresAt,
}: Omit<KeystoreEntry, "text"> & { key: string }) => ({
  key,
  format,
  updatedAt: time(updatedAt),
  expiresAt: expiresAt === null ? null : time(expiresAt),
});

keystores.openapi(
  createRoute({
    method: "get",
    path: "/keystores",
    operationId: "listKeystores",
    summary: "List the keystores of the environment",
    tags,
    security,
    request: { query: NoQuery },
    responses: { 200: json(KeystoreList, "All of them, by name."), ...guarded },
  }),
  async (context) => {
    const found = await listKeystores(context.get("management"), context.get("environment").id);
    return context.json({ keystores: found.map(keystoreOnWire) }, 200);
  },
);

keystores.openapi(
  createRoute({
    method: "get",
    path: "/keystores/{keystore}",
    operationId: "readKeystore",
    summary: "Read a keystore, with the number of its entries",
    tags,
    security,
    request: { params: KeystoreParams, query: NoQuery },
    responses: { 200: json(KeystoreDetails, "The keystore."), ...guarded, 404: noKeystore },
  }),
  async (context) => {
    const { keystore } = context.req.valid("param");
    const found = await describeKeystore(context.get("management"), context.get("environment").id, keystore);
    return context.json({ ...keystoreOnWire(found), keys: found.keys }, 200);
  },
);

keystores.openapi(
  createRoute({
    method: "get",
    path: "/keystores/{keystore}/keys",
    operationId: "listKeystoreEntries",
    summary: "List the entries of a keystore by key, without their values",
    tags,
    security,
    request: { params: KeystoreParams, query: BrowseQuery },
    responses: { 200: json(EntryList, "A page of entries."), ...guarded, 404: noKeystore },
  }),
  async (context) => {
    const { keystore } = context.req.valid("param");
    const { prefix, cursor, limit } = context.req.valid("query");
    const { entries, more } = await browseKeys(
      context.get("management"),
      context.get("environment").id,
      keystore,
      { prefix, after: cursor, limit },
    );
    return context.json(
      {
        entries: entries.map((entry) => ({ ...entryOnWire(entry), bytes: entry.bytes })),
        next: more ? (entries.at(-1)?.key ?? null) : null,
      },
      200,
    );
  },
);

// Those of one key are registered by hand: values come and go as they are, and no schema describes them.
const CONTENT_TYPES = {
  json: "application/json",
  xml: "application/xml; charset=utf-8",
  text: "text/plain; charset=utf-8",
};
const anyValue = {
  content: { "application/json": { schema: z.unknown() }, "text/plain": { schema: z.string() } },
};

keystores.openAPIRegistry.registerPath(
  createRoute({
    method: "get",
    path: "/keystores/{keystore}/keys/{key}",
    operationId: "readKeystoreEntry",
    summary: "Read a value, as its owner has it",
    description: "Nothing is created. `Last-Modified` tells when it was written, `Expires` when it is gone.",
    tags,
    security,
    request: { params: KeyParams },
    responses: { 200: { description: "The value, as it was written.", ...anyValue }, ...guarded, 404: noKey },
  }),
);
keystores.get("/keystores/:keystore/keys/:key", async (context) => {
  readQuery(NoQuery, context);
  const { keystore, key } = context.req.param();
  const { id } = context.get("environment");
  const entry = await findKey(context.get("management"), id, keystore, key);
  return context.body(entry.text, 200, {
    "content-type": CONTENT_TYPES[entry.format],
    "last-modified": new Date(entry.updatedAt).toUTCString(),
    ...(entry.expiresAt === null ? {} : { expires: new Date(entry.expiresAt).toUTCString() }),
  });
});

keystores.openAPIRegistry.registerPath(
  createRoute({
    method: "put",
    path: "/keystores/{keystore}/keys/{key}",
    operationId: "writeKeystoreEntry",
    summary: "Write a value",
    description: "As `PUT /v1/keystore/{keystore}/{key}` does.",
    tags,
    security,
    request: { params: KeyParams, query: PutQuery, body: { required: true, ...anyValue } },
    responses: { 200: json(EntryView, "It is written."), ...guarded, 404: noKeystore },
  }),
);
keystores.put("/keystores/:keystore/keys/:key", async (context: ManagementContext) => {
  const { expires_in: expiresIn } = readQuery(PutQuery, context);
  const { keystore = "", key = "" } = context.req.param() as { keystore?: string; key?: string };
  const request = context.req.raw as unknown as Request;
  const entry = await writeKey(context.get("management"), "put", {
    environmentId: context.get("environment").id,
    keystore,
    key,
    bytes: await readBody(request, MAX_KEYSTORE_VALUE_BYTES, "MAX_KEYSTORE_VALUE_BYTES"),
    contentType: context.req.header("content-type") ?? "",
    expiresIn,
  });
  return context.json(entryOnWire({ key, ...entry }), 200);
});

keystores.openAPIRegistry.registerPath(
  createRoute({
    method: "delete",
    path: "/keystores/{keystore}/keys/{key}",
    operationId: "deleteKeystoreEntry",
    summary: "Delete a key",
    tags,
    security,
    request: { params: KeyParams, query: NoQuery },
    responses: { 204: { description: "It is gone." }, ...guarded, 404: noKey },
  }),
);
keystores.delete("/keystores/:keystore/keys/:key", async (context) => {
  readQuery(NoQuery, context);
  const { keystore, key } = context.req.param();
  await deleteKey(context.get("management"), context.get("environment").id, keystore, key);
  return context.body(null, 204);
});
