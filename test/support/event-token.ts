import { admin } from "./worker";

let made = 0;

/** A new token for the event API; each has its own two calls a second. */
export async function eventToken(kind: "account" | "source" | "channel"): Promise<string> {
  made += 1;
  const issued = await admin("POST", "/event-tokens", { kind, name: `token-${made}` });
  if (issued.status !== 201) throw new Error(`no event token was issued: ${await issued.text()}`);
  return (await issued.json<{ token: string }>()).token;
}
