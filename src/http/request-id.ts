/** What a caller may choose as its own request id: nothing that could break a header or a log line. */
const CHOSEN = /^[\w.:-]{1,128}$/;

/**
 * Name of a request in answers and in the operators' log: the caller's own `X-Request-Id` when it sent a sane one, else
 * a new one. Made only for answers that show it.
 */
export function requestId(headers: Headers): string {
  const chosen = headers.get("x-request-id");
  return chosen !== null && CHOSEN.test(chosen) ? chosen : crypto.randomUUID();
}
