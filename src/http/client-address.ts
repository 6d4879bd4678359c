/** A client's address when the platform tells none, as when a local runtime is asked directly. */
const LOOPBACK = "127.0.0.1";

/** The client's address as the platform tells it; what a client says about itself (`X-Forwarded-For`) is not asked. */
export function clientAddress(headers: { get(name: string): string | null }): string {
  return headers.get("cf-connecting-ip") ?? LOOPBACK;
}
