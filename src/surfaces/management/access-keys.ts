import { createRoute, z } from "@hono/zod-openapi";
import { ResourceName } from "../../domain/names";
import { EVENT_TOKEN_KINDS, issueKey, type KeySummary, revokeKey } from "../../operations/access/keys";
import { requireOrganization } from "../../operations/access/organizations";
import { OrganizationParams } from "./organizations";
import { readJson, readParams, readQuery } from "./request";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Cursor, Page as GeneralPage } from "./schemas";

/** API keys of organizations, and tokens of the event API. */
export const accessKeys = newRouter();

const API_KEY_KINDS = ["data", "organization"] as const;

const Page = z.strictObject({
  limit: GeneralPage.limit,
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, "it is the `next` of the page before")
    .optional(),
});
const KEY_ID_RULE = "it is the id that this API gave, a whole number from 1 on";
const KeyId = z.coerce.number({ error: KEY_ID_RULE }).int(KEY_ID_RULE).positive(KEY_ID_RULE);

const summaryShape = {
  id: z.number().int(),
  name: z.string(),
  hint: z.string().describe("Its last four characters."),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  revokedAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable().describe("To the minute."),
};
const apiKeyKind = z
  .enum(API_KEY_KINDS)
  .describe("`data`: `X-Apikey` of the v1 API; `organization`: that of /v1/environment alone.");
const tokenKind = z.enum(EVENT_TOKEN_KINDS);
const ApiKey = z.object({ kind: apiKeyKind, ...summaryShape }).openapi("OrganizationApiKey");
const EventToken = z.object({ kind: tokenKind, ...summaryShape }).openapi("EventToken");
const clear = z.string().describe("Shown this once: only its hash is kept.");

const expiresAt = z.iso
  .datetime({ offset: true })
  .nullable()
  .default(null)
  .describe("When it ends; without it, never.");
const NewApiKey = z.strictObject({ name: ResourceName, kind: apiKeyKind.default("data"), expiresAt });
const NewEventToken = z.strictObject({ name: ResourceName, kind: tokenKind.default("account"), expiresAt });

const moment = (ms: number | null): string | null => (ms === null ? null : time(ms));
const onWire = <K extends string>(key: KeySummary<K>) => ({
  id: key.id,
  kind: key.kind,
  name: key.name,
  hint: key.hint,
  createdBy: key.createdBy,
  createdAt: time(key.createdAt),
  expiresAt: moment(key.expiresAt),
  revokedAt: moment(key.revokedAt),
  lastUsedAt: moment(key.lastUsedAt),
});
const until = (text: string | null): number | null => (text === null ? null : Date.parse(text));

function pageOf<K extends string>(found: readonly KeySummary<K>[], limit: number) {
  const page = found.slice(0, limit);
  return { keys: page.map(onWire), next: found.length > limit ? String(page.at(-1)?.id) : null };
}

const unknown = problem("There is no such thing.");
const KeyParams = OrganizationParams.extend({ key: KeyId.openapi({ param: { name: "key", in: "path" } }) });
const TokenParams = z.object({ token: KeyId.openapi({ param: { name: "token", in: "path" } }) });

accessKeys.openapi(
  createRoute({
    method: "get",
    path: "/organizations/{organization}/api-keys",
    operationId: "listOrganizationApiKeys",
    summary: "List the API keys of an organization",
    tags: ["Organizations"],
    security,
    request: { params: OrganizationParams, query: Page },
    responses: {
      200: json(z.object({ keys: z.array(ApiKey), next: Cursor }), "A page."),
      ...guarded,
      404: unknown,
    },
  }),
  async (context) => {
    const services = context.get("management");
    const { limit, cursor } = context.req.valid("query");
    const { id } = await requireOrganization(services, context.req.valid("param").organization);
    const found = await services.apiKeys.list(id, limit + 1, Number(cursor ?? 0));
    return context.json(pageOf(found, limit), 200);
  },
);

accessKeys.openAPIRegistry.registerPath({
  method: "post",
  path: "/organizations/{organization}/api-keys",
  operationId: "issueOrganizationApiKey",
  summary: "Issue an API key for the v1 API",
  tags: ["Organizations"],
  security,
  request: {
    params: OrganizationParams,
    query: NoQuery,
    body: { required: true, content: { "application/json": { schema: NewApiKey } } },
  },
  responses: { 201: json(ApiKey.extend({ key: clear }), "The key."), ...guarded, 404: unknown },
});

accessKeys.post("/organizations/:organization/api-keys", async (context) => {
  readQuery(NoQuery, context);
  const services = context.get("management");
  const { id } = await requireOrganization(services, readParams(OrganizationParams, context).organization);
  const wanted = await readJson(NewApiKey, context);
  const { key, ...summary } = await issueKey(services, services.apiKeys, id, {
    ...wanted,
    expiresAt: until(wanted.expiresAt),
    by: context.get("user"),
  });
  return context.json({ ...onWire(summary), key }, 201);
});

accessKeys.openapi(
  createRoute({
    method: "delete",
    path: "/organizations/{organization}/api-keys/{key}",
    operationId: "revokeOrganizationApiKey",
    summary: "Revoke an API key",
    description: "In force at once where it is revoked, and within seconds everywhere else.",
    tags: ["Organizations"],
    security,
    request: { params: KeyParams, query: NoQuery },
    responses: { 200: json(ApiKey, "The key, revoked."), ...guarded, 404: unknown },
  }),
  async (context) => {
    const services = context.get("management");
    const { organization, key } = context.req.valid("param");
    return context.json(onWire(await revokeKey(services, services.apiKeys, organization, key)), 200);
  },
);

accessKeys.openapi(
  createRoute({
    method: "get",
    path: "/event-tokens",
    operationId: "listEventTokens",
    summary: "List the tokens of the event API",
    tags: ["Event tokens"],
    security,
    request: { query: Page },
    responses: { 200: json(z.object({ tokens: z.array(EventToken), next: Cursor }), "A page."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await context
      .get("management")
      .eventTokens.list(context.get("environment").id, limit + 1, Number(cursor ?? 0));
    const { keys: tokens, next } = pageOf(found, limit);
    return context.json({ tokens, next }, 200);
  },
);

accessKeys.openAPIRegistry.registerPath({
  method: "post",
  path: "/event-tokens",
  operationId: "issueEventToken",
  summary: "Issue a token for the event API",
  tags: ["Event tokens"],
  security,
  request: {
    query: NoQuery,
    body: { required: true, content: { "application/json": { schema: NewEventToken } } },
  },
  responses: { 201: json(EventToken.extend({ token: clear }), "The token."), ...guarded },
});

accessKeys.post("/event-tokens", async (context) => {
  readQuery(NoQuery, context);
  const services = context.get("management");
  const wanted = await readJson(NewEventToken, context);
  const { key: token, ...summary } = await issueKey(
    services,
    services.eventTokens,
    context.get("environment").id,
    { ...wanted, expiresAt: until(wanted.expiresAt), by: context.get("user") },
  );
  return context.json({ ...onWire(summary), token }, 201);
});

accessKeys.openapi(
  createRoute({
    method: "delete",
    path: "/event-tokens/{token}",
    operationId: "revokeEventToken",
    summary: "Revoke a token of the event API",
    tags: ["Event tokens"],
    security,
    request: { params: TokenParams, query: NoQuery },
    responses: { 200: json(EventToken, "The token, revoked."), ...guarded, 404: unknown },
  }),
  async (context) => {
    const services = context.get("management");
    const { token } = context.req.valid("param");
    const environmentId = context.get("environment").id;
    return context.json(onWire(await revokeKey(services, services.eventTokens, environmentId, token)), 200);
  },
);
