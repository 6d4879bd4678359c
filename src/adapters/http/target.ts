import ipaddr from "ipaddr.js";

/*
 * Which targets an outgoing call may have (OWASP API7, server side request forgery). The URL parser has already turned
 * every odd spelling of an address (decimal, octal, hexadecimal, shortened, full-width digits) into the plain one, so
 * what is left is to read the host as it is then.
 */

/** Hosts that are allowed although they are private: `host`, `host:port` (IPv6 in brackets), or `*` for all. */
export class PrivateHosts {
  readonly #all: boolean;
  readonly #hosts: ReadonlySet<string>;

  /** @param setting entries separated by commas or white space */
  constructor(setting: string) {
    const entries = setting.split(/[\s,]+/).filter((entry) => entry !== "");
    this.#all = entries.includes("*");
    this.#hosts = new Set(entries.map((entry) => normalEntry(entry)));
  }

  allows(url: URL): boolean {
    if (this.#all) return true;
    const host = withoutDot(url.hostname);
    return this.#hosts.has(host) || this.#hosts.has(`${host}:${portOf(url)}`);
  }
}

function normalEntry(entry: string): string {
  const port = /:(\d{1,5})$/.exec(entry)?.[1];
  const bare = port === undefined || entry.endsWith("]") ? entry : entry.slice(0, -port.length - 1);
  try {
    const host = withoutDot(new URL(`http://${bare}/`).hostname);
    return port === undefined || bare === entry ? host : `${host}:${Number(port)}`;
  } catch {
    return entry.toLowerCase();
  }
}

function portOf({ port, protocol }: URL): string {
  return port !== "" ? port : protocol === "https:" ? "443" : "80";
}

function withoutDot(host: string): string {
  return host.replace(/\.+$/, "").toLowerCase();
}

/** Names that lead into a network of one's own, whatever they resolve to. */
const PRIVATE_NAMES =
  /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|lan|home|corp|private|home\.arpa|in-addr\.arpa|ip6\.arpa|onion|test|invalid|example)$/;

/** Public addresses that answer only inside a provider's network: Azure's and Alibaba's metadata services. */
const METADATA_ADDRESSES = new Set(["168.63.129.16", "100.100.100.200"]);

/**
 * Why a URL may not be called, as far as its text tells; `undefined` when it may, or when its name has to be looked up.
 */
export function refusalOf(url: URL, allowed: PrivateHosts): string | undefined {
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return `only https and http can be called, not ${url.protocol.slice(0, -1)}`;
  }
  if (url.username !== "" || url.password !== "") return "a URL that is called carries no user and password";
  if (allowed.allows(url)) return undefined;
  const host = withoutDot(url.hostname);
  if (isAddress(host)) return addressRefusal(host);
  if (!host.includes(".") || PRIVATE_NAMES.test(host)) {
    return `"${host}" is a name of a private network; the deployment can allow it with ALLOW_PRIVATE_HOSTS`;
  }
  return undefined;
}

/** Whether a URL's host is an address rather than a name. */
export function isAddress(host: string): boolean {
  return host.startsWith("[") || ipaddr.IPv4.isValidFourPartDecimal(host);
}

/** Why an address may not be called: every range that is not public. */
export function addressRefusal(text: string): string | undefined {
  const bare = text.replace(/^\[|\]$/g, "");
  const private_ = `${bare} is not a public address; the deployment can allow it with ALLOW_PRIVATE_HOSTS`;
  if (!ipaddr.isValid(bare)) return `${bare} is not an address`;
  const address = ipaddr.process(bare);
  if (METADATA_ADDRESSES.has(address.toString()) || address.range() !== "unicast") return private_;
  // Of IPv6 only 2000::/3 is public; this leaves out IPv4 addresses in disguise (`::7f00:1`) too.
  if (address instanceof ipaddr.IPv6 && ((address.parts[0] as number) & 0xe000) !== 0x2000) return private_;
  return undefined;
}
