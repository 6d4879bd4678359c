import type { HeaderFields } from "../incoming-call";

/** One set of credentials, in the one form that counts. */
export type Credentials =
  | { form: "bearer"; token: string; scopes: string | undefined }
  | {
      form: "apikey";
      from: "headers" | "url";
      apiKey: string;
      app: string | undefined;
      scopes: string | undefined;
    }
  | { form: "client"; clientId: string; clientSecret: string; scopes: string | undefined }
  /** Something was sent in a credential's header that is no credential of ours. */
  | { form: "malformed"; reason: string }
  | { form: "none" };

/** The value of the first of the headers that has one. */
export function headerOf(headers: HeaderFields, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = headers.get(name)?.trim();
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

const API_KEY = ["x-apikey", "x-api-key"] as const;
const CLIENT_ID = ["client_id", "client-id", "x-client-id"] as const;
const CLIENT_SECRET = ["client_secret", "client-secret", "x-client-secret"] as const;

/** `client_id` and `client_secret` as headers, in the spellings that proxies leave of them. */
export function clientHeaders(headers: HeaderFields): { id: string | undefined; secret: string | undefined } {
  return { id: headerOf(headers, ...CLIENT_ID), secret: headerOf(headers, ...CLIENT_SECRET) };
}

/**
 * The credentials of a v1 call (contract, section 3). Headers go before the URL, and among headers a bearer token before
 * an API key before a client's secret: one set is taken, the rest is not looked at, and rights are never added up.
 * @param parameters those of the URL or of a form body
 */
export function credentialsOf(
  headers: HeaderFields,
  parameters: { get(name: string): string | undefined },
): Credentials {
  const scopes = headerOf(headers, "x-scopes", "scopes");
  const authorization = headerOf(headers, "authorization");
  const authentication = headerOf(headers, "authentication");
  if (authorization !== undefined && authentication !== undefined && authorization !== authentication) {
    return { form: "malformed", reason: "Authorization and Authentication say different things; send one." };
  }
  const bearer = authorization ?? authentication;
  const token = /^Bearer +([^\s,]+)$/i.exec(bearer ?? "")?.[1];
  if (token !== undefined) return { form: "bearer", token, scopes };
  const apiKey = headerOf(headers, ...API_KEY);
  if (apiKey !== undefined) {
    return { form: "apikey", from: "headers", apiKey, app: headerOf(headers, "x-app"), scopes };
  }
  if (bearer !== undefined) {
    return { form: "malformed", reason: "Send the access token as `Authorization: Bearer …`." };
  }
  const { id, secret } = clientHeaders(headers);
  if (id !== undefined && secret !== undefined) {
    return { form: "client", clientId: id, clientSecret: secret, scopes };
  }
  const urlKey = parameters.get("api_key");
  if (urlKey === undefined) return { form: "none" };
  return {
    form: "apikey",
    from: "url",
    apiKey: urlKey,
    app: parameters.get("app_key"),
    scopes: parameters.get("scopes"),
  };
}

/** Credentials of the calls that only an interface's client id and secret open: tokens. */
export function clientCredentialsOf(headers: HeaderFields): Credentials {
  const { id, secret } = clientHeaders(headers);
  if (id === undefined || secret === undefined) return { form: "none" };
  return { form: "client", clientId: id, clientSecret: secret, scopes: undefined };
}

/** Whether credentials came in headers, so that parameters of the URL do not count. */
export function inHeaders(credentials: Credentials): boolean {
  return credentials.form !== "none" && !(credentials.form === "apikey" && credentials.from === "url");
}
