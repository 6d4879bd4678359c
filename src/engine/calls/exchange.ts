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
  const headers = requestHeaders(built, idempotencyKey);
  const proven = provenRequest(run, built, headers, signal);
  let request = proven instanceof Promise ? await proven : proven;
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

type CallHeaders = BuiltCall["headers"];

function setHeader(headers: CallHeaders, name: string, value: string): void {
  headers.set(name.toLowerCase(), { name, value });
}

/** The headers of every try, without what proves who calls. */
function requestHeaders({ call, headers: built }: BuiltCall, idempotencyKey: string): CallHeaders {
  const headers = new Map(built);
  const header = call.idempotencyHeader;
  if (header !== undefined && !headers.has(header.toLowerCase())) setHeader(headers, header, idempotencyKey);
  if (!headers.has("user-agent")) setHeader(headers, "User-Agent", "Sluice");
  return headers;
}

/** The request with what proves who calls. Only a token and a signature have to be waited for. */
function provenRequest(
  run: RunContext,
  built: BuiltCall,
  headers: CallHeaders,
  signal: AbortSignal,
): Request | Promise<Request> {
  const { auth, call, url } = built;
  switch (auth?.type) {
    case undefined:
      break;
    case "header":
      setHeader(headers, auth.name, auth.value);
      break;
    case "query":
      return requestWith(built, withParameter(url, auth.name, auth.value, call.querySeparator), headers);
    case "oauth2":
      return tokenKey(run, auth)
        .then((key) => accessToken(run, auth, key, signal))
        .then((token) => {
          setHeader(headers, "Authorization", headerValue("Authorization", `Bearer ${token}`));
          return requestWith(built, url, headers);
        });
    case "hmac":
      return signed(built, auth, run.host.now()).then((signature) => {
        for (const [name, value] of signature) setHeader(headers, name, headerValue(name, value));
        return requestWith(built, url, headers);
      });
  }
  return requestWith(built, url, headers);
}

function requestWith({ method, body }: BuiltCall, url: URL, headers: CallHeaders): Request {
  const pairs: [string, string][] = [];
  for (const { name, value } of headers.values()) pairs.push([name, value]);
  return { method, url, headers: pairs, body };
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
