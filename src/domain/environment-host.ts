/** Characters of the part of a host name that tells environments apart (seed: `api-xxxxxxxxxxxxxxxxxxxxxxxx`). */
const LABEL_CHARS = 24;
const LABEL_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
/** Host names of an environment: its APIs, its pages, and those of its websites. */
const KINDS = { api: "api-", frontend: "www-", html: "web-" } as const;

/** A new environment's host name, that of its APIs; nobody guesses it. */
export function newEnvironmentHost(domain: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(LABEL_CHARS));
  const label = [...bytes].map((byte) => LABEL_ALPHABET[byte % LABEL_ALPHABET.length]).join("");
  return `${KINDS.api}${label}.${domain}`;
}

/** The host names of an environment, by what they serve; empty while it has none. */
export function environmentHosts(host: string | null): Record<keyof typeof KINDS, string> {
  const of = (kind: keyof typeof KINDS): string => {
    if (host === null) return "";
    return host.startsWith(KINDS.api) ? KINDS[kind] + host.slice(KINDS.api.length) : host;
  };
  return { api: of("api"), frontend: of("frontend"), html: of("html") };
}

const OWN_LABEL = new RegExp(`^(?:${Object.values(KINDS).join("|")})[a-z0-9]{${LABEL_CHARS}}$`);

/** Whether a host name looks as those that environments get: one that is unknown was an environment's that is gone. */
export function isEnvironmentHost(host: string, domain: string): boolean {
  return host.endsWith(`.${domain}`) && OWN_LABEL.test(host.slice(0, -domain.length - 1));
}

/** The host name under which the environment of a host name is known. */
export function apiHost(host: string): string {
  for (const kind of [KINDS.frontend, KINDS.html]) {
    if (host.startsWith(kind)) return KINDS.api + host.slice(kind.length);
  }
  return host;
}
