import { z } from "zod";
import { sha256Hex } from "../../domain/digest";
import { FlowError } from "../errors";
import type { AccessToken } from "../outgoing-port";
import type { RunContext } from "../run-context";
import { basic } from "./auth";
import { encoded } from "./build-call";
import type { BuiltAuth } from "./prepared-call";

/** Bytes of a token endpoint's answer: tokens have some thousand. */
const MAX_TOKEN_RESPONSE_BYTES = 64 * 1024;

type OAuth2 = BuiltAuth & { type: "oauth2" };

/** A token endpoint's answer (RFC 6749, 5.1). */
const TokenAnswer = z.object({
  access_token: z.string().min(1),
  token_type: z.string().optional(),
  expires_in: z.union([z.number(), z.string().regex(/^\d+$/)]).optional(),
});
/** Its refusal (5.2). */
const TokenError = z.object({ error: z.string().max(200) });

/** Under which a token is kept: whoever has the same credentials gets the same one, in one environment. */
export async function tokenKey(run: RunContext, auth: OAuth2): Promise<string> {
  const { tokenUrl, clientId, clientSecret, scope = "", audience = "" } = auth;
  return sha256Hex(JSON.stringify([run.environmentId, tokenUrl, clientId, clientSecret, scope, audience]));
}

/**
 * The access token of an integration: a kept one, or a new one by client credentials (RFC 6749, 4.4).
 * @throws FlowError when the token endpoint gives none
 */
export async function accessToken(
  run: RunContext,
  auth: OAuth2,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  const { outgoing } = run.host.services;
  const kept = outgoing.keptToken(key);
  const token =
    kept ??
    (await run.calls.token(key, async () => {
      const fetched = await fetchToken(run, auth, signal);
      outgoing.keepToken(key, fetched);
      return fetched.token;
    }));
  run.mask.add(token);
  return token;
}

async function fetchToken(run: RunContext, auth: OAuth2, signal: AbortSignal): Promise<AccessToken> {
  const form: [string, string][] = [["grant_type", "client_credentials"]];
  if (auth.scope !== undefined) form.push(["scope", auth.scope]);
  if (auth.audience !== undefined) form.push(["audience", auth.audience]);
  const headers: [string, string][] = [
    ["Accept", "application/json"],
    ["Content-Type", "application/x-www-form-urlencoded"],
  ];
  if (auth.credentials === "basic") {
    // RFC 6749, 2.3.1: both are form-encoded before they are joined.
    headers.push(["Authorization", basic(encoded(auth.clientId), encoded(auth.clientSecret))]);
  } else form.push(["client_id", auth.clientId], ["client_secret", auth.clientSecret]);
  const answer = await run.host.services.outgoing.send(
    {
      method: "POST",
      url: new URL(auth.tokenUrl),
      headers,
      body: form.map(([name, value]) => `${name}=${encoded(value)}`).join("&"),
      responseLimit: MAX_TOKEN_RESPONSE_BYTES,
    },
    signal,
  );
  if (answer.kind === "too_large") throw noToken("answered more than a token");
  if (answer.kind !== "answered") throw noToken(`could not be asked: ${answer.reason}`);
  const body = jsonOf(answer.body);
  if (answer.status !== 200) {
    const refusal = TokenError.safeParse(body);
    throw noToken(`answered ${answer.status}${refusal.success ? ` ${refusal.data.error}` : ""}`);
  }
  const parsed = TokenAnswer.safeParse(body);
  if (!parsed.success) throw noToken("answered without an `access_token`");
  const { access_token: token, token_type = "bearer", expires_in } = parsed.data;
  if (token_type.toLowerCase() !== "bearer")
    throw noToken(`gave a token of type ${JSON.stringify(token_type)}, and only bearer tokens can be used`);
  return { token, lifetimeMs: expires_in === undefined ? undefined : Number(expires_in) * 1_000 };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function noToken(reason: string): FlowError {
  return new FlowError("no_access_token", `the token endpoint ${reason}`);
}
