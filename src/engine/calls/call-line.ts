import { carriesCredentials } from "../../domain/http-header";
import { truncate } from "../../domain/json";
import type { MessageLevel } from "../../domain/run";
import type { RunContext } from "../run-context";
import { MASK } from "../secret-mask";
import type { Exchange } from "./exchange";
import type { BuiltCall, CallOutcome } from "./prepared-call";
import { statusText } from "./read-answer";

/** Characters shown of a call's body and of its answer's: with the headers around them they fit into one message. */
const MAX_SHOWN_CHARS = 2_000;
/** Of a body, what is looked at: more than is shown, since masking makes it shorter. */
const MAX_DECODED_BYTES = MAX_SHOWN_CHARS * 8;

/** What the run's messages say of a call. */
export interface CallLine {
  level: MessageLevel;
  text: string;
  details?: Record<string, unknown>;
}

/** A line on a call, with request and answer when the whole is wanted; credentials and secrets are masked. */
export function callLine(
  run: RunContext,
  built: BuiltCall,
  outcome: CallOutcome,
  answered: (Exchange & { kind: "answered" }) | undefined,
  tries: number,
  tookMs: number,
): CallLine {
  const { call } = built;
  const { sent } = built;
  const url = run.mask.text((sent ?? built).url.href);
  const came =
    outcome.answer === undefined
      ? (outcome.failure?.message ?? outcome.result)
      : statusText(outcome.answer.status);
  const more = [
    `${tookMs} ms`,
    ...(tries > 1 ? [`${tries} tries`] : []),
    ...(outcome.answer?.pages === undefined ? [] : [`${outcome.answer.pages} pages`]),
  ];
  const level = outcome.answer !== undefined && outcome.answer.status < 400 ? "info" : "warning";
  const text = run.mask.text(`${call.name}: ${built.method} ${url} → ${came} (${more.join(", ")})`);
  if (call.log !== "full") return { level, text };
  const secret = built.auth?.type === "header" || built.auth?.type === "hmac" ? built.auth : undefined;
  const hidden = (secret?.type === "header" ? secret.name : secret?.header)?.toLowerCase();
  return {
    level,
    text,
    details: {
      request: {
        method: built.method,
        url,
        headers: shownHeaders(
          run,
          sent?.headers ?? [...built.headers.values()].map(({ name, value }) => [name, value] as const),
          hidden,
        ),
        ...(built.body === undefined ? {} : { body: shownBody(run, built.body) }),
      },
      ...(answered === undefined
        ? {}
        : {
            response: {
              status: answered.status,
              headers: shownHeaders(run, answered.headers, undefined),
              body: shownBody(run, answered.body),
            },
          }),
    },
  };
}

function shownHeaders(
  run: RunContext,
  headers: readonly (readonly [string, string])[],
  hidden: string | undefined,
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    shown[name] = lower === hidden || carriesCredentials(lower) ? MASK : run.mask.text(value);
  }
  return shown;
}

function shownBody(run: RunContext, body: string | Uint8Array): string {
  // Only the beginning is decoded and masked: no more is shown, and a secret across the cut goes with what is cut off.
  const text =
    typeof body === "string"
      ? body
      : decoded(body.subarray(0, MAX_DECODED_BYTES), body.length > MAX_DECODED_BYTES);
  if (text === undefined) return `(${body.length} bytes, no text)`;
  const masked = truncate(run.mask.text(text.slice(0, MAX_DECODED_BYTES)), MAX_SHOWN_CHARS);
  return masked.text.length < masked.fullLength || text.length > MAX_DECODED_BYTES
    ? `${masked.text}… (${body.length} ${typeof body === "string" ? "characters" : "bytes"})`
    : masked.text;
}

/** Shared: a decoder that is not in the middle of a stream keeps no state, and making one takes longer than a small body. */
const whole = new TextDecoder();

/** @param cut whether a character may be cut in two at the end */
function decoded(bytes: Uint8Array, cut: boolean): string | undefined {
  const text = cut ? new TextDecoder().decode(bytes, { stream: true }) : whole.decode(bytes);
  return text.includes("\uFFFD") || text.includes("\0") ? undefined : text;
}
