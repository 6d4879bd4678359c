import { SluiceError } from "../domain/errors";
import { type Json, parseJson } from "../domain/json";
import { MAX_CHALLENGE_CHARS, MAX_WEBHOOK_ID_BYTES } from "../domain/limits";
import { decodeText } from "../domain/text-encoding";
import type { WebhookChallenge, WebhookDefinition } from "../domain/webhook";

/** What a challenge is answered with. */
export interface ChallengeAnswer {
  contentType: "text/plain; charset=utf-8" | "application/json";
  body: string;
}

interface Asked {
  method: string;
  query: URLSearchParams;
  headers: { get(name: string): string | null };
}

/** Compares a token that came with a secret, in constant time. @throws SluiceError not_configured without the secret */
export type TokenCheck = (token: string, secretName: string) => Promise<boolean>;

/**
 * The answer to a challenge that comes in the URL or in a header, before anything is signed; `undefined` when the
 * request is none.
 * @throws SluiceError forbidden when the token to verify is another than the secret; invalid_request
 */
export async function outsideChallenge(
  { challenge }: WebhookDefinition,
  { method, query, headers }: Asked,
  sameToken: TokenCheck,
): Promise<ChallengeAnswer | undefined> {
  if (challenge === undefined || challenge.json !== undefined || method !== challenge.method)
    return undefined;
  const asked =
    challenge.query === undefined ? headers.get(challenge.header as string) : query.get(challenge.query);
  if (asked === null) return undefined;
  if (challenge.verify !== undefined) {
    const token = query.get(challenge.verify.query);
    if (token === null || !(await sameToken(token, challenge.verify.secret))) {
      throw new SluiceError(
        "forbidden",
        `The parameter "${challenge.verify.query}" is not the token that this webhook expects.`,
      );
    }
  }
  return answerOf(asked, challenge.answer);
}

/** The answer to a challenge in a JSON body, whose signature was checked; `undefined` when the request is a delivery. */
export function bodyChallenge(
  { challenge, signature }: WebhookDefinition,
  body: Json | undefined,
): ChallengeAnswer | undefined {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  const field = (name: string): Json | undefined => (Object.hasOwn(body, name) ? body[name] : undefined);
  if (signature?.scheme === "slack" && field("type") === "url_verification") {
    const asked = field("challenge");
    if (typeof asked === "string") return answerOf(asked, "text");
  }
  if (challenge?.json === undefined) return undefined;
  const asked = field(challenge.json);
  const isOne = Object.entries(challenge.when ?? {}).every(([name, value]) => field(name) === value);
  return isOne && typeof asked === "string" ? answerOf(asked, challenge.answer) : undefined;
}

/** Whether someone wants to see this body parsed before it is stored, and it is not too long for that. */
export function readJsonBody(bytes: Uint8Array, contentType: string): Json | undefined {
  if (bytes.length === 0 || bytes.length > MAX_WEBHOOK_ID_BYTES) return undefined;
  try {
    return parseJson(decodeText(bytes, contentType), "the body");
  } catch (error) {
    // Whatever it is, it is kept; it only has no fields to look at.
    if (error instanceof SluiceError) return undefined;
    throw error;
  }
}

function answerOf(asked: string, answer: WebhookChallenge["answer"]): ChallengeAnswer {
  if (asked.length > MAX_CHALLENGE_CHARS) {
    throw new SluiceError(
      "invalid_request",
      `A challenge has at most ${MAX_CHALLENGE_CHARS} characters (MAX_CHALLENGE_CHARS).`,
      { limit: "MAX_CHALLENGE_CHARS" },
    );
  }
  if (answer === "text") return { contentType: "text/plain; charset=utf-8", body: asked };
  return { contentType: "application/json", body: JSON.stringify({ [answer.json]: asked }) };
}
