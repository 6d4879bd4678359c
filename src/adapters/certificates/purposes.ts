/** What a certificate says about its use (RFC 5280, 4.2.1). */
export interface CertificateUse {
  /** The bits of the key usage extension; `undefined` when it is absent, which allows everything. */
  keyUsage: ReadonlySet<KeyUse> | undefined;
  /** Object identifiers of the extended key usage extension; `undefined` when it is absent. */
  extendedKeyUsage: readonly string[] | undefined;
  extendedKeyUsageCritical: boolean;
  /** The `cA` flag of the basic constraints; `undefined` when they are absent. */
  ca: boolean | undefined;
  /** A version 1 certificate that signed itself: an authority of old. */
  oldRoot: boolean;
}

export type KeyUse =
  | "digitalSignature"
  | "nonRepudiation"
  | "keyEncipherment"
  | "dataEncipherment"
  | "keyAgreement"
  | "keyCertSign"
  | "crlSign";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
/** Server gated cryptography of Microsoft and Netscape. */
const GATED = ["1.3.6.1.4.1.311.10.3.3", "2.16.840.1.113730.4.1"];

/** `[as a certificate of its own, as an authority, what for]`, as in the seed. */
export type Purpose = [boolean, boolean, string];

type Test = (use: CertificateUse, asAuthority: boolean) => boolean;

/** OpenSSL's checks by their numbers (`X509_PURPOSE_*`). */
const PURPOSES: readonly (readonly [number, string, Test])[] = [
  [1, "SSL client", sslClient],
  [2, "SSL server", sslServer],
  [3, "Netscape SSL server", (use, ca) => sslServer(use, ca) && (ca || allows(use, "keyEncipherment"))],
  [
    4,
    "S/MIME signing",
    (use, ca) => mail(use, ca) && (ca || allows(use, "digitalSignature", "nonRepudiation")),
  ],
  [5, "S/MIME encryption", (use, ca) => mail(use, ca) && (ca || allows(use, "keyEncipherment"))],
  [6, "CRL signing", (use, ca) => (ca ? isAuthority(use) : allows(use, "crlSign"))],
  [7, "Any Purpose", () => true],
  [8, "OCSP helper", (use, ca) => !ca || isAuthority(use)],
  [9, "Time Stamp signing", timeStamp],
];

/** What a certificate is good for, by OpenSSL's number of the purpose. */
export function purposesOf(use: CertificateUse): Record<string, Purpose> {
  return Object.fromEntries(
    PURPOSES.map(([number, label, test]) => [String(number), [test(use, false), test(use, true), label]]),
  );
}

/** Whether the key may be used in one of these ways. */
function allows({ keyUsage }: CertificateUse, ...uses: KeyUse[]): boolean {
  return keyUsage === undefined || uses.some((use) => keyUsage.has(use));
}

function extends_({ extendedKeyUsage }: CertificateUse, ...purposes: string[]): boolean {
  return extendedKeyUsage === undefined || purposes.some((purpose) => extendedKeyUsage.includes(purpose));
}

function isAuthority(use: CertificateUse): boolean {
  if (!allows(use, "keyCertSign")) return false;
  return use.ca ?? (use.oldRoot || use.keyUsage !== undefined);
}

function sslClient(use: CertificateUse, asAuthority: boolean): boolean {
  if (!extends_(use, CLIENT_AUTH)) return false;
  return asAuthority ? isAuthority(use) : allows(use, "digitalSignature", "keyAgreement");
}

function sslServer(use: CertificateUse, asAuthority: boolean): boolean {
  if (!extends_(use, SERVER_AUTH, ...GATED)) return false;
  return asAuthority ? isAuthority(use) : allows(use, "digitalSignature", "keyEncipherment", "keyAgreement");
}

function mail(use: CertificateUse, asAuthority: boolean): boolean {
  return extends_(use, EMAIL_PROTECTION) && (!asAuthority || isAuthority(use));
}

/** RFC 3161, 2.3: the extension is critical and names nothing else; the key signs, and does nothing else. */
function timeStamp(use: CertificateUse, asAuthority: boolean): boolean {
  if (asAuthority) return isAuthority(use);
  const { keyUsage, extendedKeyUsage } = use;
  if (keyUsage !== undefined) {
    const signs = keyUsage.has("digitalSignature") || keyUsage.has("nonRepudiation");
    const others = [...keyUsage].some((each) => each !== "digitalSignature" && each !== "nonRepudiation");
    if (!signs || others) return false;
  }
  const only = extendedKeyUsage?.length === 1 && extendedKeyUsage[0] === TIME_STAMPING;
  return only && use.extendedKeyUsageCritical;
}
