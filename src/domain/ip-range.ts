import ipaddr from "ipaddr.js";

/** An address or a CIDR range as it is compared: an address and how many of its leading bits count. */
type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::1` or `2001:db8::/32`; `undefined` for anything else. */
function parseRange(source: string): Range | undefined {
  const [address = "", bits, ...rest] = source.trim().split("/");
  const parsed = parseAddress(address);
  if (parsed === undefined || rest.length > 0) return undefined;
  const width = parsed.kind() === "ipv4" ? 32 : 128;
  if (bits === undefined) return [parsed, width];
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width) return undefined;
  return [parsed, Number(bits)];
}

/** Only the usual spellings: `127.1`, octal and hexadecimal ones mean different things to different readers. */
function parseAddress(source: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (source.includes(":")) {
    if (!ipaddr.IPv6.isValid(source) || source.includes("%")) return undefined;
    // An IPv4 address in IPv6's clothes is that IPv4 address.
    return ipaddr.process(source);
  }
  return ipaddr.IPv4.isValidFourPartDecimal(source) ? ipaddr.IPv4.parse(source) : undefined;
}

export function isIpRange(source: string): boolean {
  return parseRange(source) !== undefined;
}

/** Whether an address is in one of the ranges. What is no address is in none. */
export function addressIn(address: string, ranges: readonly string[]): boolean {
  const given = parseAddress(address);
  if (given === undefined) return false;
  return ranges.some((source) => {
    const range = parseRange(source);
    if (range === undefined || range[0].kind() !== given.kind()) return false;
    return given.kind() === "ipv4"
      ? (given as ipaddr.IPv4).match(range as [ipaddr.IPv4, number])
      : (given as ipaddr.IPv6).match(range as [ipaddr.IPv6, number]);
  });
}

/** Leading bits of an IPv6 address that one customer of a provider usually has to himself. */
const CLIENT_BITS = 64;

/** What stands for a client in counters: an IPv4 address, or the network of an IPv6 one, whose owner has all addresses in it. */
export function clientNetwork(address: string): string {
  const given = parseAddress(address);
  if (given === undefined) return "unknown";
  if (given.kind() === "ipv4") return given.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${given.toString()}/${CLIENT_BITS}`).toString();
}
