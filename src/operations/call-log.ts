import { truncate } from "../domain/json";
import { MAX_LOGGED_BODY_CHARS } from "../domain/limits";
import { type IncomingCall, maskedHeaders, maskedUrl } from "./incoming-call";
import { reasonPhrase } from "./reason-phrase";
import type { HttpRunInput } from "./run-input";

/** An answer that a surface made of an outcome, in plain terms, so that it can be logged. */
export interface Rendered {
  status: number;
  headers: [string, string][];
  body: string | null;
}

/** A line for a run's console. */
interface Line {
  text: string;
  details: Record<string, unknown>;
}

/** What the console keeps of a request (seed, Log Requests). */
export function requestLine(call: IncomingCall, input: HttpRunInput): Line {
  const url = maskedUrl(call.url);
  return {
    text: `Request ${call.method} ${url}`,
    details: {
      method: call.method,
      url,
      client: call.client,
      headers: maskedHeaders(call.headers),
      ...loggedBody(input.body),
    },
  };
}

/** What the console keeps of an answer (seed, Log Response). */
export function responseLine(rendered: Rendered): Line {
  const reason = reasonPhrase(rendered.status);
  return {
    text: `Response ${`${rendered.status} ${reason}`.trimEnd()}`,
    details: {
      status: rendered.status,
      statusText: reason,
      headers: maskedHeaders(rendered.headers),
      ...loggedBody(rendered.body ?? ""),
    },
  };
}

/** A body for a log, cut so that the details around it stay whole; its full length is told when it was cut. */
function loggedBody(body: string): { body: string; bodyLength?: number } {
  const { text, fullLength } = truncate(body, MAX_LOGGED_BODY_CHARS);
  return { body: text, ...(text.length === fullLength ? {} : { bodyLength: fullLength }) };
}
