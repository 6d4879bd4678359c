import type { OutgoingAnswer } from "../outgoing-port";
import type { Exchange } from "./exchange";
import type { PreparedCall, Request } from "./prepared-call";

/** Statuses that say where to go instead (RFC 9110, 15.4). */
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Headers that may go to another host than the integration's: nothing that proves who calls. */
const HARMLESS = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/**
 * The request that a redirect asks for; `undefined` when the answer is none. It may lead to the integration's own hosts
 * only, and every one is checked like the first: the sender refuses private targets each time.
 */
export function afterRedirect(
  call: PreparedCall,
  request: Request,
  { status, headers }: OutgoingAnswer & { kind: "answered" },
): { kind: "request"; request: Request } | (Exchange & { kind: "error" }) | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const location = headers.find(([name]) => name === "location")?.[1];
  if (location === undefined) return undefined;
  const url = URL.parse(location, request.url.href);
  const refused = (reason: string) => ({
    kind: "error" as const,
    code: "redirect_refused",
    message: `${call.name} was redirected ${reason}`,
  });
  if (url === null) return refused("to what is not a URL");
  url.hash = "";
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return refused(`to ${url.protocol.slice(0, -1)}, and only https and http are called`);
  if (url.username !== "" || url.password !== "") return refused("to a URL with a user and password");
  if (request.url.protocol === "https:" && url.protocol === "http:") return refused("from https to http");
  if (!isOwnHost(call, url)) {
    return refused(`to "${url.host}", which is neither the integration's host nor one of its \`hosts\``);
  }
  const sameOrigin = url.origin === request.url.origin;
  const asGet = request.method !== "HEAD" && (status === 303 || (status < 303 && request.method === "POST"));
  const kept = request.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    if (asGet && lower.startsWith("content-")) return false;
    return sameOrigin || HARMLESS.has(lower);
  });
  return {
    kind: "request",
    request: {
      method: asGet ? "GET" : request.method,
      url,
      headers: kept,
      body: asGet ? undefined : request.body,
    },
  };
}

/** Whether a URL leads to a host that the integration names; one without a port is meant with that of the scheme. */
export function isOwnHost({ hosts }: PreparedCall, url: URL): boolean {
  if (hosts.includes(url.host)) return true;
  return url.port === "" && hosts.includes(`${url.hostname}:${url.protocol === "https:" ? 443 : 80}`);
}
