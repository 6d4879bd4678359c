import type { SluiceError } from "../../domain/errors";
import type { Json } from "../../domain/json";
import { V1_STATUSES } from "../../http/v1-statuses";
import { xmlText } from "../../operations/xml-element";
import { type EnvelopeFault, inEnvelope } from "./envelope";
import type { SoapVersion } from "./versions";

/**
 * Status of each error, and the code that its fault says: the status unless the seed has another. SOAP 1.1 would have
 * every fault under 500; the seed heads its faults with 404, clients read them under any status, and no caller's
 * mistake is to look like ours. So the status is that of the same error over REST, but for wrong credentials.
 */
const KINDS: typeof V1_STATUSES = { ...V1_STATUSES, unauthenticated: { status: 404 } };

/** An error as a fault of the version that the caller speaks. */
export async function faultResponse(
  { code: kind, message, details }: SluiceError,
  version: SoapVersion,
  requestId: string,
): Promise<Response> {
  const { status, code = status } = KINDS[kind];
  const headers = new Headers({
    "content-type": version.contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-request-id": requestId,
  });
  if (details.allow !== undefined) headers.set("allow", details.allow.join(", "));
  if (details.retryAfter !== undefined) headers.set("retry-after", String(details.retryAfter));
  const items = [item("code", String(code)), item("message", message)];
  if (details.problems !== undefined) {
    items.push(
      item("errors", JSON.stringify(details.problems.map(({ path, reason }) => ({ path, reason })))),
    );
  }
  if (details.candidates !== undefined) items.push(item("candidates", JSON.stringify(details.candidates)));
  if (details.limit !== undefined) items.push(item("limit", details.limit));
  const own = details.envelopeFault as EnvelopeFault | undefined;
  const fault =
    version.name === "1.1"
      ? {
          faultcode: own === undefined ? String(code) : `${version.prefix}:${own}`,
          faultstring: xmlText(message),
          faultactor: await actor(`${code} ${message}`),
          detail: { item: items },
        }
      : {
          [`${version.prefix}:Code`]: {
            [`${version.prefix}:Value`]: `${version.prefix}:${own ?? (status < 500 ? "Sender" : "Receiver")}`,
          },
          [`${version.prefix}:Reason`]: {
            [`${version.prefix}:Text`]: { "@xml:lang": "en", "#text": xmlText(message) },
          },
          [`${version.prefix}:Detail`]: { item: items },
        };
  return new Response(inEnvelope(version, { [`${version.prefix}:Fault`]: fault }), { status, headers });
}

function item(key: string, value: string): Json {
  return { key, value: xmlText(value) };
}

/**
 * The seed's `faultactor`: hexadecimal digits of 32 bytes in Base64 that are the same for the same fault and mean nothing
 * else. Here a digest of code and message.
 */
async function actor(fault: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(fault)));
  const base64 = btoa(String.fromCharCode(...digest));
  return [...base64].map((char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
