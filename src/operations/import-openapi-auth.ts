import type { z } from "zod";
import type { IntegrationDefinition } from "../domain/integration";
import {
  dereferenced,
  type OpenApiDocument,
  OpenApiOperation,
  OpenApiPath,
  OpenApiSecurityScheme,
} from "../domain/openapi-document";

type AuthSource = NonNullable<z.input<typeof IntegrationDefinition>["auth"]>;

export interface ImportedAuth {
  auth?: AuthSource;
  secrets: string[];
  notes: string[];
}

/**
 * How an imported integration proves who calls: the scheme that most operations ask for among those that it can use. Values
 * are secrets, by names made of the integration's.
 */
export function importedAuth(document: OpenApiDocument, integration: string, baseUrl: string): ImportedAuth {
  const schemes = document.components?.securitySchemes ?? {};
  const notes: string[] = [];
  const prefix = pascal(integration);
  for (const name of byUse(document)) {
    const scheme = OpenApiSecurityScheme.safeParse(
      dereferenced(document, Object.hasOwn(schemes, name) ? schemes[name] : undefined),
    );
    if (!scheme.success) {
      notes.push(`the security scheme "${name}" is not described`);
      continue;
    }
    const made = authOf(scheme.data, prefix, baseUrl);
    if (typeof made === "string") notes.push(`the security scheme "${name}" is left out: ${made}`);
    else return { auth: made, secrets: secretsIn(made), notes };
  }
  return { secrets: [], notes };
}

/** The names of security schemes, the most used first. */
function byUse(document: OpenApiDocument): string[] {
  const uses = new Map<string, number>();
  const count = (requirements: readonly Record<string, unknown>[] | undefined) => {
    for (const requirement of requirements ?? []) {
      for (const name of Object.keys(requirement)) uses.set(name, (uses.get(name) ?? 0) + 1);
    }
  };
  count(document.security);
  for (const source of Object.values(document.paths)) {
    const item = OpenApiPath.safeParse(dereferenced(document, source));
    for (const operation of item.success ? Object.values(item.data) : []) {
      const parsed = OpenApiOperation.safeParse(operation);
      if (parsed.success) count(parsed.data.security);
    }
  }
  return [...uses].sort((left, right) => right[1] - left[1]).map(([name]) => name);
}

/** A scheme as the integration's `auth`, or why it cannot be. */
function authOf(scheme: OpenApiSecurityScheme, prefix: string, baseUrl: string): AuthSource | string {
  const secret = (what: string) => `\${_datasource.${prefix}${what}}`;
  switch (scheme.type) {
    case "http": {
      const kind = scheme.scheme?.toLowerCase();
      if (kind === "bearer") return { type: "bearer", token: secret("Token") };
      if (kind === "basic") return { type: "basic", username: secret("User"), password: secret("Password") };
      return `HTTP authentication of kind "${kind}" is not known`;
    }
    case "apiKey":
      if (scheme.name === undefined) return "it does not say where the key goes";
      if (scheme.in === "header" || scheme.in === "query") {
        return { type: "apiKey", in: scheme.in, name: scheme.name, value: secret("Key") };
      }
      return "a key in a cookie is sent with a header of the node";
    case "oauth2": {
      const flow = scheme.flows?.clientCredentials;
      if (flow === undefined) return { type: "bearer", token: secret("Token") };
      const scope = Object.keys(flow.scopes).join(" ").slice(0, 2_000);
      return {
        type: "oauth2",
        tokenUrl: URL.parse(flow.tokenUrl, `${baseUrl}/`)?.href ?? flow.tokenUrl,
        clientId: secret("ClientId"),
        clientSecret: secret("ClientSecret"),
        ...(scope === "" ? {} : { scope }),
      };
    }
    case "openIdConnect":
      return { type: "bearer", token: secret("Token") };
    default:
      return `its type "${scheme.type}" is not known`;
  }
}

function secretsIn(auth: AuthSource): string[] {
  return [...JSON.stringify(auth).matchAll(/\$\{_datasource\.([^}]+)\}/g)].map(([, name]) => name as string);
}

/** `train-travel api` as `TrainTravelApi`, for names of secrets that stand in expressions. */
function pascal(name: string): string {
  return name
    .split(/[^\p{L}\p{N}]+/u)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}
