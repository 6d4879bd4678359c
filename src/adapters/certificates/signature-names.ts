/** How OpenSSL calls a signature algorithm: its short and long names, and its number. */
export interface SignatureName {
  shortName: string;
  longName: string;
  nid: number;
}

const name = (shortName: string, longName: string, nid: number): SignatureName => ({
  shortName,
  longName,
  nid,
});

/** Signature algorithms of certificates by object identifier (RFC 3279, 4055, 5758, 8410). */
const NAMES: Record<string, SignatureName> = {
  "1.2.840.113549.1.1.4": name("RSA-MD5", "md5WithRSAEncryption", 8),
  "1.2.840.113549.1.1.5": name("RSA-SHA1", "sha1WithRSAEncryption", 65),
  "1.2.840.113549.1.1.10": name("RSASSA-PSS", "rsassaPss", 912),
  "1.2.840.113549.1.1.11": name("RSA-SHA256", "sha256WithRSAEncryption", 668),
  "1.2.840.113549.1.1.12": name("RSA-SHA384", "sha384WithRSAEncryption", 669),
  "1.2.840.113549.1.1.13": name("RSA-SHA512", "sha512WithRSAEncryption", 670),
  "1.2.840.113549.1.1.14": name("RSA-SHA224", "sha224WithRSAEncryption", 671),
  "1.2.840.10045.4.1": name("ecdsa-with-SHA1", "ecdsa-with-SHA1", 416),
  "1.2.840.10045.4.3.1": name("ecdsa-with-SHA224", "ecdsa-with-SHA224", 793),
  "1.2.840.10045.4.3.2": name("ecdsa-with-SHA256", "ecdsa-with-SHA256", 794),
  "1.2.840.10045.4.3.3": name("ecdsa-with-SHA384", "ecdsa-with-SHA384", 795),
  "1.2.840.10045.4.3.4": name("ecdsa-with-SHA512", "ecdsa-with-SHA512", 796),
  "1.3.101.112": name("ED25519", "ED25519", 1087),
  "1.3.101.113": name("ED448", "ED448", 1088),
};

/** An algorithm that is not in the table is called by its identifier, with OpenSSL's number for "undefined". */
export function signatureName(algorithm: string): SignatureName {
  return NAMES[algorithm] ?? name(algorithm, algorithm, 0);
}
