import type { CallAuth } from "../../domain/integration";
import { FlowError } from "../errors";
import type { Frame } from "../frame";
import { asText } from "../value";
import { headerValue } from "./build-call";
import type { BuiltAuth, BuiltCall, PreparedAuth } from "./prepared-call";

/** The settings of each way to authenticate that may hold secrets, and so are compiled. */
export const AUTH_TEXTS: { readonly [T in CallAuth["type"]]: readonly string[] } = {
  bearer: ["token"],
  basic: ["username", "password"],
  apiKey: ["value"],
  oauth2: ["clientId", "clientSecret", "scope", "audience"],
  hmac: ["secret"],
};

/** Works out how one call proves who makes it. */
export function builtAuth({ settings, values }: PreparedAuth, frame: Frame): BuiltAuth {
  const text = (name: string) => {
    const found = asText(values[name]?.evaluate(frame));
    if (found === "") throw new FlowError("auth", `the integration's \`auth.${name}\` is empty`);
    return found;
  };
  const optional = (name: string) => asText(values[name]?.evaluate(frame)) || undefined;
  switch (settings.type) {
    case "bearer":
      return header("Authorization", `Bearer ${text("token")}`);
    case "basic":
      return header(
        "Authorization",
        basic(asText(values.username?.evaluate(frame)), asText(values.password?.evaluate(frame))),
      );
    case "apiKey":
      return settings.in === "header"
        ? header(settings.name, text("value"))
        : { type: "query", name: settings.name, value: text("value") };
    case "oauth2": {
      const scope = optional("scope");
      const audience = optional("audience");
      return {
        type: "oauth2",
        tokenUrl: settings.tokenUrl,
        clientId: text("clientId"),
        clientSecret: text("clientSecret"),
        credentials: settings.credentials,
        ...(scope === undefined ? {} : { scope }),
        ...(audience === undefined ? {} : { audience }),
      };
    }
    case "hmac":
      return {
        ...settings,
        secret: text("secret"),
        timestampHeader: settings.timestampHeader,
        nonceHeader: settings.nonceHeader,
      };
  }
}

function header(name: string, value: string): BuiltAuth {
  return { type: "header", name, value: headerValue(name, value) };
}

/** HTTP Basic (RFC 7617), in UTF-8. */
export function basic(username: string, password: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(`${username}:${password}`)) binary += String.fromCharCode(byte);
  return `Basic ${btoa(binary)}`;
}

const DIGESTS = { sha1: "SHA-1", sha256: "SHA-256", sha512: "SHA-512" } as const;

/** Headers of an HMAC signature over a request as it will be sent. */
export async function signed(
  built: BuiltCall,
  auth: BuiltAuth & { type: "hmac" },
  nowMs: number,
): Promise<[string, string][]> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const nonce = crypto.randomUUID();
  const hash = DIGESTS[auth.algorithm];
  const encoder = new TextEncoder();
  const body =
    typeof built.body === "string" ? encoder.encode(built.body) : (built.body ?? new Uint8Array(0));
  const parts: Uint8Array[] = [];
  for (const [index, part] of auth.sign.entries()) {
    if (index > 0) parts.push(encoder.encode(auth.separator));
    parts.push(part === "body" ? body : encoder.encode(await textPart(part)));
  }
  const key = await crypto.subtle.importKey(
    "raw",
    encoder.encode(auth.secret),
    { name: "HMAC", hash },
    false,
    ["sign"],
  );
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, joined(parts)));
  const text = auth.encoding === "hex" ? hex(signature) : btoa(String.fromCharCode(...signature));
  const headers: [string, string][] = [[auth.header, `${auth.prefix}${text}`]];
  if (auth.timestampHeader !== undefined) headers.push([auth.timestampHeader, timestamp]);
  if (auth.nonceHeader !== undefined) headers.push([auth.nonceHeader, nonce]);
  return headers;

  async function textPart(part: Exclude<(typeof auth.sign)[number], "body">): Promise<string> {
    switch (part) {
      case "method":
        return built.method;
      case "url":
        return built.url.href;
      case "path":
        return built.url.pathname;
      case "query":
        return built.url.search.slice(1);
      case "host":
        return built.url.host;
      case "timestamp":
        return timestamp;
      case "nonce":
        return nonce;
      case "bodyHash":
        return hex(new Uint8Array(await crypto.subtle.digest(hash, body as BufferSource)));
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
