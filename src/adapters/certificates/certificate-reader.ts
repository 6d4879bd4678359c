import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  KeyUsage,
  type Name,
  type TBSCertificate,
} from "@peculiar/asn1-x509";
import type {
  CertificateDescription,
  CertificateName,
  CertificateUpload,
  CheckedCertificate,
} from "../../domain/certificate";
import { attributeOf, NAME_ATTRIBUTES, nameHash, oneLine } from "./distinguished-name";
import { type CertificateUse, type KeyUse, purposesOf } from "./purposes";
import { signatureName } from "./signature-names";

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;
/** Bits from which a serial number is written in hexadecimal, as OpenSSL does. */
const LONG_SERIAL_BITS = 128;

/** The blocks of a PEM text, by what they hold: a key and certificates may stand in one file. */
function pemBlocks(text: string): { certificates: string[]; keys: string[] } {
  const certificates: string[] = [];
  const keys: string[] = [];
  for (const [block, label = ""] of text.matchAll(PEM)) {
    if (label === "CERTIFICATE" || label === "X509 CERTIFICATE") certificates.push(block);
    else if (label.endsWith("PRIVATE KEY")) keys.push(block);
  }
  return { certificates, keys };
}

/**
 * Checks that a certificate, its private key and its chain belong together and are valid at `now` (milliseconds since
 * 1970), and describes the certificate.
 */
export async function checkCertificate(upload: CertificateUpload, now: number): Promise<CheckedCertificate> {
  const [own, ...more] = pemBlocks(upload.certificate).certificates;
  if (own === undefined) return { ok: false, problem: "no_certificate" };
  const [key] = pemBlocks(upload.privateKey).keys;
  if (key === undefined) return { ok: false, problem: "no_private_key" };
  if (/ENCRYPTED/.test(key)) return { ok: false, problem: "encrypted_private_key" };
  const leaf = readable(own);
  if (leaf === undefined) return { ok: false, problem: "unreadable_certificate" };
  const matches = keyMatches(leaf, key);
  if (matches === undefined) return { ok: false, problem: "unreadable_private_key" };
  if (!matches) return { ok: false, problem: "key_mismatch" };
  const description = await describeCertificate(own);
  if (description === undefined) return { ok: false, problem: "unreadable_certificate" };
  if (description.validTo * 1_000 <= now) return { ok: false, problem: "expired" };
  if (description.validFrom * 1_000 > now) return { ok: false, problem: "not_yet_valid" };
  const others = [...more, ...upload.chain.flatMap((text) => pemBlocks(text).certificates)];
  if (upload.chain.some((text) => text.trim() !== "" && pemBlocks(text).certificates.length === 0)) {
    return { ok: false, problem: "broken_chain" };
  }
  const chain = orderedChain(leaf, others);
  if (chain === undefined) return { ok: false, problem: "broken_chain" };
  return { ok: true, description, chain: [own, ...chain].join("\n"), privateKey: key };
}

/** The certificates from the leaf's issuer upwards; `undefined` when one of them belongs to no place in it. */
function orderedChain(leaf: X509Certificate, others: readonly string[]): string[] | undefined {
  const waiting = others.map((pem) => ({ pem, certificate: readable(pem) }));
  const chain: string[] = [];
  let below = leaf;
  while (waiting.length > 0) {
    const at = waiting.findIndex(
      ({ certificate }) => certificate !== undefined && issued(certificate, below),
    );
    const [found] = at < 0 ? [] : waiting.splice(at, 1);
    if (found?.certificate === undefined) return undefined;
    chain.push(found.pem);
    below = found.certificate;
  }
  return chain;
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function readable(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** Whether a private key is that of a certificate; `undefined` for one that cannot be read. */
function keyMatches(certificate: X509Certificate, key: string): boolean | undefined {
  try {
    // Compared by what is public of both: the platform's own check answers no to right keys (workerd of October 2026).
    return publicBytes(createPublicKey(createPrivateKey(key))) === publicBytes(certificate.publicKey);
  } catch {
    return undefined;
  }
}

function publicBytes(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).toString("base64");
}

/** Describes a certificate; `undefined` when it cannot be read. */
export async function describeCertificate(pem: string): Promise<CertificateDescription | undefined> {
  const base64 = /-----BEGIN [A-Z0-9 ]+-----([\s\S]+?)-----END/.exec(pem)?.[1]?.replace(/\s+/g, "");
  if (base64 === undefined) return undefined;
  let certificate: Certificate;
  try {
    certificate = AsnConvert.parse(
      Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)),
      Certificate,
    );
  } catch {
    return undefined;
  }
  const { tbsCertificate, signatureAlgorithm } = certificate;
  const { subject, issuer, validity, serialNumber, version } = tbsCertificate;
  const signature = signatureName(signatureAlgorithm.algorithm);
  return {
    name: oneLine(subject),
    subject: described(subject),
    hash: await nameHash(subject),
    issuer: described(issuer),
    version,
    serialNumber: serialText(new Uint8Array(serialNumber)),
    validFrom: Math.floor(validity.notBefore.getTime().getTime() / 1_000),
    validTo: Math.floor(validity.notAfter.getTime().getTime() / 1_000),
    signatureShortName: signature.shortName,
    signatureLongName: signature.longName,
    signatureNid: signature.nid,
    purposes: purposesOf(useOf(tbsCertificate)),
  };
}

function described(name: Name): CertificateName {
  return {
    commonName: attributeOf(name, NAME_ATTRIBUTES.commonName),
    serialNumber: attributeOf(name, NAME_ATTRIBUTES.serialNumber),
    emailAddress: attributeOf(name, NAME_ATTRIBUTES.emailAddress),
    organizationName: attributeOf(name, NAME_ATTRIBUTES.organizationName),
    organizationalUnitName: attributeOf(name, NAME_ATTRIBUTES.organizationalUnitName),
    localityName: attributeOf(name, NAME_ATTRIBUTES.localityName),
    stateProvinceName: attributeOf(name, NAME_ATTRIBUTES.stateOrProvinceName),
    countryName: attributeOf(name, NAME_ATTRIBUTES.countryName),
  };
}

function serialText(bytes: Uint8Array): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const value = BigInt(`0x${hex || "0"}`);
  if (value.toString(2).length < LONG_SERIAL_BITS) return value.toString();
  const digits = value.toString(16).toUpperCase();
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
}

const KEY_USES: Record<string, KeyUse> = {
  digitalSignature: "digitalSignature",
  nonRepudiation: "nonRepudiation",
  keyEncipherment: "keyEncipherment",
  dataEncipherment: "dataEncipherment",
  keyAgreement: "keyAgreement",
  keyCertSign: "keyCertSign",
  crlSign: "crlSign",
};

function useOf(certificate: TBSCertificate): CertificateUse {
  const extension = (id: string) => certificate.extensions?.find(({ extnID }) => extnID === id);
  const keyUsage = extension(id_ce_keyUsage);
  const extended = extension(id_ce_extKeyUsage);
  const constraints = extension(id_ce_basicConstraints);
  return {
    keyUsage:
      keyUsage === undefined
        ? undefined
        : new Set(
            AsnConvert.parse(keyUsage.extnValue, KeyUsage)
              .toJSON()
              .flatMap((name) => KEY_USES[name] ?? []),
          ),
    extendedKeyUsage:
      extended === undefined ? undefined : [...AsnConvert.parse(extended.extnValue, ExtendedKeyUsage)],
    extendedKeyUsageCritical: extended?.critical === true,
    ca: constraints === undefined ? undefined : AsnConvert.parse(constraints.extnValue, BasicConstraints).cA,
    oldRoot: certificate.version === 0 && oneLine(certificate.subject) === oneLine(certificate.issuer),
  };
}
