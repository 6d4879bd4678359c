import { SluiceError } from "../../domain/errors";
import { ACCESS_TOKEN_SECONDS, MAX_SETTING_BYTES } from "../../domain/limits";
import { SCOPES } from "../../domain/scope";
import { decodeText } from "../../domain/text-encoding";
import { clientAddress } from "../../http/client-address";
import { presentable } from "../../http/presentable";
import { setRateHeaders } from "../../http/rate-headers";
import { readBody } from "../../http/request-body";
import { requestId } from "../../http/request-id";
import { requestTarget } from "../../http/request-target";
import { interfaceRate } from "../../operations/access/authenticate-call";
import { addressRate, requireAllowed } from "../../operations/access/count-call";
import {
  authenticateClient,
  type Granted,
  grantForRefresh,
  grantToClient,
  introspectToken,
  revokeToken,
} from "../../operations/access/oauth";
import type { RateState } from "../../operations/access/ports";
import type { Client, TokenServices } from "../../operations/access/tokens";
import { clientProof } from "./client-proof";
import { GrantError, renderError } from "./errors";

const METADATA_PATH = "/.well-known/oauth-authorization-server";

type Form = ReadonlyMap<string, string>;
type Endpoint = (
  services: TokenServices,
  client: Client,
  form: Form,
) => Promise<Record<string, unknown> | undefined>;

/** What a client may ask for, by path; every one wants the client to authenticate. */
const ENDPOINTS: Record<string, Endpoint> = {
  "/oauth/token": grant,
  "/oauth/revoke": revoke,
  "/oauth/introspect": introspect,
};

/** Whether this surface answers at a path. */
export function isOAuth(path: string): boolean {
  return path.startsWith("/oauth/") || path === METADATA_PATH;
}

/** Tokens for ordinary OAuth libraries (RFC 6749 client credentials, 7009, 7662, 8414; contract, section 3). */
export async function answerOAuthCall(request: Request, services: TokenServices): Promise<Response> {
  const state: { rate?: RateState } = {};
  const address = clientAddress(request.headers);
  let response: Response;
  try {
    response = await answer(request, services, address, state);
  } catch (error) {
    response = await refusal(error, request, services, address, state);
  }
  // Answers hold tokens or tell about them: nothing on the way may keep them (RFC 6749, 5.1).
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  response.headers.set("pragma", "no-cache");
  if (state.rate !== undefined) setRateHeaders(response.headers, state.rate);
  return response;
}

async function answer(
  request: Request,
  services: TokenServices,
  address: string,
  state: { rate?: RateState },
): Promise<Response> {
  const { method, url } = request;
  const { host, path } = requestTarget(url);
  if (path === METADATA_PATH) return metadata(method, url);
  const endpoint = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined;
  if (endpoint === undefined) {
    throw new SluiceError("not_found", `There is nothing here; ${METADATA_PATH} lists what there is.`);
  }
  requireMethod(method, ["POST", "OPTIONS"]);
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow: "POST, OPTIONS" } });
  const form = await readForm(request);
  const proof = clientProof(request.headers.get("authorization"), form);
  const client = await authenticateClient(services, { ...proof, host, address });
  const rate = interfaceRate(client);
  state.rate = await services.limiter.take(rate.key, rate);
  requireAllowed(state.rate);
  const body = await endpoint(services, client, form);
  return body === undefined ? new Response(null, { status: 200 }) : Response.json(body);
}

async function refusal(
  error: unknown,
  request: Request,
  services: TokenServices,
  address: string,
  state: { rate?: RateState },
): Promise<Response> {
  let shown = error;
  if (state.rate === undefined) {
    const rate = addressRate(address);
    state.rate = await services.limiter.take(rate.key, rate);
    try {
      requireAllowed(state.rate);
    } catch (limited) {
      shown = limited;
    }
  }
  const id = requestId(request.headers);
  const known = shown instanceof GrantError ? shown : presentable(shown, request, id);
  const { status, headers, body } = renderError(known);
  return new Response(request.method === "HEAD" ? null : body, {
    status,
    headers: { ...headers, "content-type": "application/json; charset=utf-8", "x-request-id": id },
  });
}

async function grant(services: TokenServices, client: Client, form: Form): Promise<Record<string, unknown>> {
  const type = need(form, "grant_type");
  const scope = form.get("scope");
  if (type === "client_credentials") return tokenAnswer(await grantToClient(services, client, scope));
  if (type === "refresh_token") {
    return tokenAnswer(await grantForRefresh(services, client, need(form, "refresh_token"), scope));
  }
  throw new GrantError("unsupported_grant_type", "The grants are client_credentials and refresh_token.");
}

function tokenAnswer({ accessToken, refreshToken, scopes }: Granted): Record<string, unknown> {
  return {
    access_token: accessToken,
    token_type: "Bearer",
    expires_in: ACCESS_TOKEN_SECONDS,
    refresh_token: refreshToken,
    scope: scopes.join(" "),
  };
}

async function revoke(services: TokenServices, client: Client, form: Form): Promise<undefined> {
  await revokeToken(services, client, need(form, "token"));
}

async function introspect(
  services: TokenServices,
  client: Client,
  form: Form,
): Promise<Record<string, unknown>> {
  const token = await introspectToken(services, client, need(form, "token"));
  if (token === undefined) return { active: false };
  return {
    active: true,
    scope: token.scopes.join(" "),
    client_id: client.credentials.clientId,
    username: client.name,
    sub: client.credentials.clientId,
    ...(token.kind === "access" ? { token_type: "Bearer" } : {}),
    iat: Math.floor(token.issuedAt / 1_000),
    ...(token.expiresAt === null ? {} : { exp: Math.floor(token.expiresAt / 1_000) }),
  };
}

/** RFC 8414. The issuer is the origin that was asked: each environment's host is a server of its own. */
function metadata(method: string, url: string): Response {
  const allow = ["GET", "HEAD", "OPTIONS"];
  requireMethod(method, allow);
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow: allow.join(", ") } });
  const { origin } = new URL(url);
  const methods = ["client_secret_basic", "client_secret_post"];
  const body = {
    issuer: origin,
    token_endpoint: `${origin}/oauth/token`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    introspection_endpoint: `${origin}/oauth/introspect`,
    grant_types_supported: ["client_credentials", "refresh_token"],
    response_types_supported: [],
    scopes_supported: SCOPES,
    token_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: methods,
    service_documentation: `${origin}/docs`,
  };
  return new Response(method === "HEAD" ? null : JSON.stringify(body), {
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-cache" },
  });
}

function requireMethod(method: string, allow: string[]): void {
  if (allow.includes(method)) return;
  throw new SluiceError("method_not_allowed", `This path takes ${allow.join(", ")}.`, { allow });
}

function need(form: Form, name: string): string {
  const value = form.get(name);
  if (value !== undefined) return value;
  throw new SluiceError("invalid_request", `The parameter ${name} is missing.`);
}

/** Parameters of a form. An empty one counts as left out, and none may be repeated (RFC 6749, 3.2). */
async function readForm(request: Request): Promise<Form> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i.test(type)) {
    throw new SluiceError("invalid_request", "Send the parameters as application/x-www-form-urlencoded.");
  }
  const bytes = await readBody(request, MAX_SETTING_BYTES, "MAX_SETTING_BYTES");
  const form = new Map<string, string>();
  const sent = new URLSearchParams(decodeText(bytes, type)) as unknown as Iterable<[string, string]>;
  for (const [name, value] of sent) {
    if (value === "") continue;
    if (form.has(name)) throw new SluiceError("invalid_request", "A parameter is given twice.");
    form.set(name, value);
  }
  return form;
}
