import type { AttributeTypeAndValue, Name } from "@peculiar/asn1-x509";

/** Attribute types of names (X.520, PKCS #9): their object identifiers, and the short names that OpenSSL writes. */
const SHORT_NAMES: Record<string, string> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.15": "businessCategory",
  "2.5.4.17": "postalCode",
  "2.5.4.42": "GN",
  "2.5.4.97": "organizationIdentifier",
  "1.2.840.113549.1.9.1": "emailAddress",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
};

export const NAME_ATTRIBUTES = {
  commonName: "2.5.4.3",
  serialNumber: "2.5.4.5",
  countryName: "2.5.4.6",
  localityName: "2.5.4.7",
  stateOrProvinceName: "2.5.4.8",
  organizationName: "2.5.4.10",
  organizationalUnitName: "2.5.4.11",
  emailAddress: "1.2.840.113549.1.9.1",
} as const;

function attributes(name: Name): AttributeTypeAndValue[] {
  return [...name].flatMap((part) => [...part]);
}

/** The last value of an attribute type in a name, the most specific one; `null` when there is none. */
export function attributeOf(name: Name, type: string): string | null {
  const found = attributes(name).findLast((attribute) => attribute.type === type);
  return found === undefined ? null : found.value.toString();
}

/** A name in one line, as OpenSSL prints it: `/C=US/O=Example/CN=www.example.com`. */
export function oneLine(name: Name): string {
  return attributes(name)
    .map(({ type, value }) => `/${SHORT_NAMES[type] ?? type}=${value.toString()}`)
    .join("");
}

/**
 * The hash of a name by which OpenSSL finds certificates (`X509_NAME_hash`): of the name's canonical form, where texts
 * are UTF-8, in lower case, and have single spaces; SHA-1, the first four bytes, the least significant first.
 */
export async function nameHash(name: Name): Promise<string> {
  const sets = [...name].map((part) => {
    const members = [...part].map(({ type, value }) =>
      tagged(0x30, [...objectIdentifier(type), ...canonicalValue(value)]),
    );
    // A SET OF is written in the order of its encodings.
    members.sort(compareBytes);
    return tagged(0x31, members.flat());
  });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", new Uint8Array(sets.flat())));
  return [3, 2, 1, 0].map((index) => (digest[index] as number).toString(16).padStart(2, "0")).join("");
}

function canonicalValue(value: AttributeTypeAndValue["value"]): number[] {
  const text = value
    .toString()
    .replace(/^[\t-\r ]+|[\t-\r ]+$/g, "")
    .replace(/[\t-\r ]+/g, " ")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return tagged(0x0c, [...new TextEncoder().encode(text)]);
}

/** An element of DER. */
function tagged(tag: number, content: readonly number[]): number[] {
  const { length } = content;
  if (length < 0x80) return [tag, length, ...content];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [tag, 0x80 | bytes.length, ...bytes, ...content];
}

function objectIdentifier(text: string): number[] {
  const [first = 0, second = 0, ...arcs] = text.split(".").map(Number);
  const content = [first * 40 + second, ...arcs].flatMap((arc) => {
    const digits = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      digits.unshift((rest % 128) | 0x80);
    }
    return digits;
  });
  return tagged(0x06, content);
}

function compareBytes(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
