/** The parts of a name that certificates are described by; `null` for one that it does not have. */
export interface CertificateName {
  commonName: string | null;
  serialNumber: string | null;
  emailAddress: string | null;
  organizationName: string | null;
  organizationalUnitName: string | null;
  localityName: string | null;
  stateProvinceName: string | null;
  countryName: string | null;
}

/** A certificate (X.509) as it is described to those who manage environments (seed: Get Environment by ID). */
export interface CertificateDescription {
  /** The subject in one line: `/CN=www.example.com`. */
  name: string;
  subject: CertificateName;
  /** Hash of the subject's name, by which OpenSSL finds certificates. */
  hash: string;
  issuer: CertificateName;
  /** As it is encoded: 2 means version 3. */
  version: number;
  /** In decimal digits, from 128 bits on in hexadecimal ones after `0x`. */
  serialNumber: string;
  /** Seconds since 1970. */
  validFrom: number;
  validTo: number;
  signatureShortName: string;
  signatureLongName: string;
  signatureNid: number;
  /** By OpenSSL's number of the purpose: as a certificate of its own, as an authority, what for. */
  purposes: Record<string, [boolean, boolean, string]>;
}

/** What was uploaded for a host name's TLS: PEM texts. */
export interface CertificateUpload {
  certificate: string;
  privateKey: string;
  /** Intermediate and root certificates, in any order. */
  chain: readonly string[];
}

export type CertificateProblem =
  | "no_certificate"
  | "no_private_key"
  | "unreadable_certificate"
  | "unreadable_private_key"
  | "encrypted_private_key"
  | "key_mismatch"
  | "broken_chain"
  | "expired"
  | "not_yet_valid";

export type CheckedCertificate =
  | {
      ok: true;
      description: CertificateDescription;
      /** The certificate, and its chain in order, as PEM. */
      chain: string;
      privateKey: string;
    }
  | { ok: false; problem: CertificateProblem };
