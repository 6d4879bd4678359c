import { type OpenAPIHono, z } from "@hono/zod-openapi";

const Failure = z
  .object({ error: z.string().describe("A code of RFC 6749, 5.2."), error_description: z.string() })
  .openapi("OAuthFailure");

const Tokens = z
  .object({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.number().int().describe("Seconds."),
    refresh_token: z.string().describe("Good once: using it gives the next one."),
    scope: z.string(),
  })
  .openapi("OAuthTokens");

const Introspected = z
  .object({
    active: z.boolean(),
    scope: z.string().optional(),
    client_id: z.string().optional(),
    username: z.string().optional(),
    sub: z.string().optional(),
    token_type: z.string().optional(),
    iat: z.number().int().optional(),
    exp: z.number().int().optional(),
  })
  .openapi("OAuthIntrospection");

const client = {
  client_id: z.string().optional().describe("Unless the client authenticates by HTTP Basic."),
  client_secret: z.string().optional(),
};
const token = z.object({ token: z.string(), token_type_hint: z.string().optional(), ...client });
const content = (schema: z.ZodType) => ({ content: { "application/json": { schema } } });

/** Describes the token endpoints for the OpenAPI document. */
export function describeOAuth(registry: OpenAPIHono["openAPIRegistry"]): void {
  registry.registerComponent("securitySchemes", "oauthClient", {
    type: "http",
    scheme: "basic",
    description: "An interface's client id and secret.",
  });
  const endpoint = (path: string, summary: string, form: z.ZodType, done: object) =>
    registry.registerPath({
      method: "post",
      path,
      summary,
      operationId: path.slice(1).replace("/", "-"),
      tags: ["OAuth"],
      security: [{ oauthClient: [] }],
      request: {
        body: { required: true, content: { "application/x-www-form-urlencoded": { schema: form } } },
      },
      responses: {
        200: { description: "Done.", ...done },
        400: { description: "The request is wrong; the code says how.", ...content(Failure) },
        401: { description: "The client is not who it says.", ...content(Failure) },
        405: { description: "Not POST.", ...content(Failure) },
        413: { description: "The form is too large.", ...content(Failure) },
        429: { description: "Too many requests.", ...content(Failure) },
      },
    });
  endpoint(
    "/oauth/token",
    "Get tokens (RFC 6749)",
    z.object({
      grant_type: z.enum(["client_credentials", "refresh_token"]),
      scope: z.string().optional(),
      refresh_token: z.string().optional(),
      ...client,
    }),
    content(Tokens),
  );
  endpoint("/oauth/revoke", "End a token (RFC 7009)", token, {});
  endpoint("/oauth/introspect", "Ask about a token of one's own (RFC 7662)", token, content(Introspected));
  registry.registerPath({
    method: "get",
    path: "/.well-known/oauth-authorization-server",
    summary: "Metadata of the authorization server (RFC 8414)",
    operationId: "oauth-metadata",
    tags: ["OAuth"],
    responses: { 200: { description: "The metadata.", ...content(z.looseObject({ issuer: z.string() })) } },
  });
}
