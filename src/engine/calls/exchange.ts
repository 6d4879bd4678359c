import { FlowError } from "../errors";
import type { OutgoingAnswer } from "../outgoing-port";
import type { RunContext } from "../run-context";
import { signed } from "./auth";
import { encoded, headerValue } from "./build-call";
import { accessToken, tokenKey } from "./oauth";
import type { BuiltCall, Request } from "./prepared-call";
import { afterRedirect } from "./redirect";

/** One try of a call, redirects included. */
export type Exchange =
  | {
      kind: "answered";
      status: number;
      headers: readonly (readonly [string, string])[];
      body: Uint8Array;
      /** Where the answer came from, after redirects. */
      url: URL;
    }
  | { kind: "error"; code: string; message: string };

/** Sends a call and follows its redirects. Rejects with the signal's reason when it is aborted. */
export async function exchange(
  run: RunContext,
  built: BuiltCall,
  responseLimit: number,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Exchange> {
  try {
    const first = await exchangeOnce(run, built, responseLimit, idempotencyKey, signal);
    if (built.auth?.type !== "oauth2" || first.kind !== "answered" || first.status !== 401) return first;
    // The token may have been revoked before its time. What is answered 401 was not done, so it can be sent again.
    const key = await tokenKey(run, built.auth);
    if (run.host.services.outgoing.keptToken(key) === undefined) return first;
    run.host.services.outgoing.forgetToken(key);
    return await exchangeOnce(run, built, responseLimit, idempotencyKey, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof FlowError) return { kind: "error", code: error.code, message: error.message };
    throw error;
  }
}

async function exchangeOnce(
  run: RunContext,
  built: BuiltCall,
  responseLimit: number,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Exchange> {
  const { call } = built;
  let request = await requestOf(run, built, idempotencyKey, signal);
  built.sent = request;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await run.host.services.outgoing.send({ ...request, responseLimit }, signal);
    if (answer.kind !== "answered") return failure(call.name, answer, responseLimit);
    const next = call.redirects === 0 ? undefined : afterRedirect(call, request, answer);
    if (next === undefined) return { ...answer, url: request.url };
    if (next.kind === "error") return next;
    if (redirects >= call.redirects) {
      return {
        kind: "error",
        code: "too_many_redirects",
        message: `${call.name} was redirected more than ${call.redirects} times`,
      };
    }
    request = next.request;
  }
}

async function requestOf(
  run: RunContext,
  built: BuiltCall,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Request> {
  const { call, auth } = built;
  const headers = new Map(built.headers);
  const set = (name: string, value: string) => headers.set(name.toLowerCase(), { name, value });
  let { url } = built;
  const header = call.idempotencyHeader;
  if (header !== undefined && !headers.has(header.toLowerCase())) set(header, idempotencyKey);
  if (!headers.has("user-agent")) set("User-Agent", "Sluice");
  switch (auth?.type) {
    case "header":
      set(auth.name, auth.value);
      break;
    case "query":
      url = withParameter(url, auth.name, auth.value, call.querySeparator);
      break;
    case "oauth2": {
      const token = await accessToken(run, auth, await tokenKey(run, auth), signal);
      set("Authorization", headerValue("Authorization", `Bearer ${token}`));
      break;
    }
    case "hmac":
      for (const [name, value] of await signed(built, auth, run.host.now()))
        set(name, headerValue(name, value));
      break;
  }
  return {
    method: built.method,
    url,
    headers: [...headers.values()].map(({ name, value }) => [name, value] as const),
    body: built.body,
  };
}

/** A URL with one more parameter, the others as they were. */
export function withParameter(url: URL, name: string, value: string, separator: string): URL {
  const added = new URL(url);
  const before = url.search.slice(1);
  added.search = `${before}${before === "" ? "" : separator}${encoded(name)}=${encoded(value)}`;
  return added;
}

function failure(
  name: string,
  answer: Exclude<OutgoingAnswer, { kind: "answered" }>,
  responseLimit: number,
): Exchange {
  switch (answer.kind) {
    case "refused":
      return { kind: "error", code: "target_refused", message: `${name} was not called: ${answer.reason}` };
    case "failed":
      return { kind: "error", code: "no_answer", message: `${name} gave no answer: ${answer.reason}` };
    case "too_large":
      return {
        kind: "error",
        code: "response_too_large",
        message: `${name} answered with more than ${responseLimit} bytes (responseLimit, at most MAX_CALL_RESPONSE_BYTES)`,
      };
  }
}
