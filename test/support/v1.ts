import { env } from "cloudflare:workers";
import { credentialHash, newClientId, newCredential } from "../../src/domain/credential";
import { admin, call } from "./worker";

/** The v1 API as its callers see it. For tests of the project "workerd". */

export interface V1Credentials {
  apiKey: string;
  organizationApiKey: string;
  name: string;
  appKey: string;
  clientId: string;
  clientSecret: string;
}

/** An API key of an organization; `kind` "organization" is for /v1/environment. */
export async function issueApiKey(
  kind: "data" | "organization" = "data",
  organizationId = 1,
  expiresAt: number | null = null,
): Promise<string> {
  const key = newCredential();
  await env.DB.prepare(
    `INSERT INTO organization_keys (organization_id, kind, name, hash, hint, created_by, created_at, expires_at)
     VALUES (?1, ?2, 'test', ?3, 'test', 'test', 0, ?4)`,
  )
    .bind(organizationId, kind, await credentialHash(key), expiresAt)
    .run();
  return key;
}

/** Applies an interface (all scopes, tokens and API keys both, unless `more` says otherwise), and gives it credentials. */
export async function issueInterface(
  name: string,
  more: Record<string, unknown> = {},
  environmentId = 1,
): Promise<Omit<V1Credentials, "apiKey" | "organizationApiKey">> {
  const scopes = ["schema", "record", "flowdiagram", "webhook", "keystore", "tables"];
  const applied = await admin(
    "PUT",
    `/projects/${encodeURIComponent(`interface ${name}`)}`,
    { interfaces: [{ interface: name, access: "both", scopes, ...more }] },
    { "x-environment": String(environmentId) },
  );
  if (!applied.ok) throw new Error(`${applied.status}: ${await applied.text()}`);
  const credentials = { clientId: newClientId(), clientSecret: newCredential(), appKey: newCredential() };
  await env.DB.prepare(
    `INSERT INTO interface_credentials (environment_id, interface, client_id, client_secret_hash, app_key_hash, created_by, created_at, rotated_at)
     VALUES (?1, ?2, ?3, ?4, ?5, 'test', 0, 0)`,
  )
    .bind(
      environmentId,
      name,
      credentials.clientId,
      await credentialHash(credentials.clientSecret),
      await credentialHash(credentials.appKey),
    )
    .run();
  return { name, ...credentials };
}

/** Everything that a test of the v1 API calls with. */
export async function v1Credentials(name = "demo"): Promise<V1Credentials> {
  return {
    ...(await issueInterface(name)),
    apiKey: await issueApiKey(),
    organizationApiKey: await issueApiKey("organization"),
  };
}

/** The headers of the form without OAuth: `X-Apikey` and `X-App`. */
export function keyHeaders({ apiKey, name }: Pick<V1Credentials, "apiKey" | "name">): Record<string, string> {
  return { "x-apikey": apiKey, "x-app": name };
}

/** A call of the v1 API; a body that is no text goes as JSON. */
export function v1(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<Response> {
  return call(`/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined
      ? {}
      : { body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) }),
  });
}

/** An access token for a client's credentials. */
export async function accessToken({
  clientId,
  clientSecret,
}: Pick<V1Credentials, "clientId" | "clientSecret">): Promise<{ access: string; refresh: string }> {
  const response = await v1("GET", "/checkauthentication", {
    client_id: clientId,
    client_secret: clientSecret,
    grant_type: "client_credentials",
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const { resource } = (await response.json()) as {
    resource: { access_token: string; refresh_token: string };
  };
  return { access: resource.access_token, refresh: resource.refresh_token };
}
