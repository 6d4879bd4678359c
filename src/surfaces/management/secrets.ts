import { createRoute, z } from "@hono/zod-openapi";
import { SluiceError } from "../../domain/errors";
import { MAX_SECRET_BYTES, MAX_SETTING_BYTES } from "../../domain/limits";
import { SecretName } from "../../domain/secret";
import { readBody } from "../../http/request-body";
import { putSecret, readSecret, removeSecret, type SecretSummary } from "../../operations/secrets";
import { badParameters, type ManagementContext, readQuery } from "./request";
import { body, guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Cursor, Page } from "./schemas";

/** Secrets of the environment: set and deleted, never read. */
export const secrets = newRouter();
const tags = ["Secrets"];
const noSecret = problem("There is no such secret.");

const SecretBody = z.strictObject({
  value: z
    .string({ error: "the value is a text" })
    .min(1, "the value is empty")
    .refine(
      (value) => new TextEncoder().encode(value).length <= MAX_SECRET_BYTES,
      `the value has at most ${MAX_SECRET_BYTES} bytes (MAX_SECRET_BYTES)`,
    ),
});

const SecretView = z
  .object({
    name: z.string(),
    encryptedUnder: z
      .enum(["current", "previous", "unknown"])
      .describe("The master key. `unknown`: it cannot be read any more, and has to be set again."),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    updatedBy: z.string(),
  })
  .openapi("Secret");
const SecretList = z.object({ secrets: z.array(SecretView), next: Cursor }).openapi("SecretList");

const SecretParams = z.object({
  name: SecretName.openapi({ param: { name: "name", in: "path" }, example: "fx-token" }),
});

const secretOnWire = ({ createdAt, updatedAt, ...secret }: SecretSummary) => ({
  ...secret,
  createdAt: time(createdAt),
  updatedAt: time(updatedAt),
});

secrets.openapi(
  createRoute({
    method: "get",
    path: "/secrets",
    operationId: "listSecrets",
    summary: "List secrets, by name",
    tags,
    security,
    request: { query: z.strictObject(Page) },
    responses: { 200: json(SecretList, "A page of secrets, without their values."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const rows = await context.get("management").vault.list(context.get("environment").id, limit + 1, cursor);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.name ?? null) : null;
    return context.json({ secrets: page.map(secretOnWire), next }, 200);
  },
);

secrets.openapi(
  createRoute({
    method: "get",
    path: "/secrets/{name}",
    operationId: "readSecret",
    summary: "Read what is known of a secret",
    description: "When it was set and by whom. Its value is never shown.",
    tags,
    security,
    request: { params: SecretParams, query: NoQuery },
    responses: { 200: json(SecretView, "The secret, without its value."), ...guarded, 404: noSecret },
  }),
  async (context) => {
    const { name } = context.req.valid("param");
    const secret = await readSecret(context.get("management"), context.get("environment"), name);
    return context.json(secretOnWire(secret), 200);
  },
);

secrets.openAPIRegistry.registerPath(
  createRoute({
    method: "put",
    path: "/secrets/{name}",
    operationId: "setSecret",
    summary: "Set a secret's value",
    description:
      "Stored encrypted. Flows take it as `${_datasource.<name>}`; a new value is in force within ten seconds everywhere, here at once.",
    tags,
    security,
    request: { params: SecretParams, query: NoQuery, body: body(SecretBody) },
    responses: {
      200: json(SecretView, "It has the new value."),
      201: json(SecretView, "The secret is new."),
      ...guarded,
      409: problem("The environment has as many secrets as it may."),
      413: problem("The body is too large."),
    },
  }),
);
secrets.put("/secrets/:name", async (context) => {
  readQuery(NoQuery, context);
  const name = readSecretName(context);
  const value = await readValue(context);
  const { created, secret } = await putSecret(
    context.get("management"),
    context.get("environment"),
    name,
    value,
    context.get("user"),
  );
  return context.json(secretOnWire(secret), created ? 201 : 200);
});

secrets.openapi(
  createRoute({
    method: "delete",
    path: "/secrets/{name}",
    operationId: "deleteSecret",
    summary: "Delete a secret",
    description: "Flows that name it fail from then on, and cannot be published again.",
    tags,
    security,
    request: { params: SecretParams, query: NoQuery },
    responses: { 204: { description: "It is gone." }, ...guarded, 404: noSecret },
  }),
  async (context) => {
    const { name } = context.req.valid("param");
    await removeSecret(context.get("management"), context.get("environment"), name);
    return context.body(null, 204);
  },
);

secrets.openapi(
  createRoute({
    method: "post",
    path: "/secrets/reencrypt",
    operationId: "reencryptSecrets",
    summary: "Encrypt all secrets under the current master key",
    description:
      "The last step of changing the master key: of every environment, what is under MASTER_KEY_PREVIOUS is encrypted under MASTER_KEY. Repeat it as you like.",
    tags,
    security,
    request: { query: NoQuery },
    responses: {
      200: json(
        z.object({
          resealed: z.number().int(),
          unreadable: z.number().int().describe("Under neither of the two keys; they have to be set again."),
        }),
        "It is done.",
      ),
      ...guarded,
    },
  }),
  async (context) => context.json(await context.get("management").vault.reseal(), 200),
);

function readSecretName(context: ManagementContext): string {
  const parsed = SecretParams.safeParse({ name: context.req.param("name") });
  if (!parsed.success) throw badParameters(parsed.error);
  return parsed.data.name;
}

/** The value in the body. What is wrong with a body that has a secret is told without a word of it. */
async function readValue(context: ManagementContext): Promise<string> {
  const bytes = await readBody(context.req.raw as unknown as Request, MAX_SETTING_BYTES, "MAX_SETTING_BYTES");
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new SluiceError("invalid_request", 'The body is not JSON in UTF-8: send {"value": "…"}.');
  }
  const parsed = SecretBody.safeParse(document);
  if (parsed.success) return parsed.data.value;
  const strange = parsed.error.issues.some(({ code }) => code === "unrecognized_keys");
  const reason = strange ? "the body has nothing but `value`" : parsed.error.issues[0]?.message;
  throw new SluiceError("invalid_request", `The body: ${reason}.`, {
    problems: [{ path: "/value", reason: reason ?? "is wrong" }],
  });
}
