import { describe, expect, it } from "vitest";
import { checkCertificate, describeCertificate } from "../../src/adapters/certificates/certificate-reader";
import {
  CA_CERTIFICATE,
  EC_CERTIFICATE,
  EC_KEY,
  ENCRYPTED_KEY,
  EXPIRED_CERTIFICATE,
  LEAF_CERTIFICATE,
  LEAF_KEY,
  STAMPING_CERTIFICATE,
} from "../support/certificates";

/** What is expected of them was printed by `openssl x509 -subject_hash -purpose -serial -dates`. */

const NOW = Date.UTC(2027, 0, 1);

const described = async (pem: string) => {
  const description = await describeCertificate(pem);
  if (description === undefined) throw new Error("the certificate under test is unreadable");
  return description;
};

describe("a certificate", () => {
  it("is described as the seed shows it", async () => {
    expect(await described(LEAF_CERTIFICATE)).toMatchObject({
      name: "/C=NL/ST=Noord Holland/L=Amsterdam/O=Example B.V./OU=Ops/CN=www.example.com",
      subject: {
        commonName: "www.example.com",
        serialNumber: null,
        emailAddress: null,
        organizationName: "Example B.V.",
        organizationalUnitName: "Ops",
        localityName: "Amsterdam",
        stateProvinceName: "Noord Holland",
        countryName: "NL",
      },
      hash: "449fe136",
      issuer: {
        commonName: "Example CA",
        organizationName: "Example  Trust",
        emailAddress: "ca@example.com",
      },
      version: 2,
      serialNumber: "0x031D48DED368727DA88D9B7FB85432B8699C3A",
      signatureShortName: "RSA-SHA256",
      signatureLongName: "sha256WithRSAEncryption",
      signatureNid: 668,
      purposes: {
        "1": [true, false, "SSL client"],
        "2": [true, false, "SSL server"],
        "3": [true, false, "Netscape SSL server"],
        "4": [false, false, "S/MIME signing"],
        "5": [false, false, "S/MIME encryption"],
        "6": [false, false, "CRL signing"],
        "7": [true, true, "Any Purpose"],
        "8": [true, false, "OCSP helper"],
        "9": [false, false, "Time Stamp signing"],
      },
    });
  });

  it("has the hash of its name however that is written: spaces, capitals, letters beyond ASCII", async () => {
    expect((await described(CA_CERTIFICATE)).hash).toBe("9f70afac");
    expect((await described(EC_CERTIFICATE)).hash).toBe("6d69970b");
  });

  it("of an authority is good for what authorities do", async () => {
    const { purposes } = await described(CA_CERTIFICATE);
    expect(Object.values(purposes).map(([own, authority]) => [own, authority])).toEqual([
      [true, true],
      [true, true],
      [true, true],
      [true, true],
      [true, true],
      [true, true],
      [true, true],
      [true, true],
      [false, true],
    ]);
  });

  it("for time stamps is good for nothing else", async () => {
    const { purposes } = await described(STAMPING_CERTIFICATE);
    const good = Object.entries(purposes).filter(([, [own]]) => own);
    expect(good.map(([number]) => number)).toEqual(["7", "8", "9"]);
  });

  it("with a short serial number has it in decimal digits", async () => {
    expect((await described(EXPIRED_CERTIFICATE)).serialNumber).toBe("5");
  });

  it("signed by an elliptic curve is named so", async () => {
    const { signatureShortName, signatureNid } = await described(EC_CERTIFICATE);
    expect([signatureShortName, signatureNid]).toEqual(["ecdsa-with-SHA256", 794]);
  });
});

describe("an upload", () => {
  const upload = { certificate: LEAF_CERTIFICATE, privateKey: LEAF_KEY, chain: [CA_CERTIFICATE] };

  it("of certificate, key and chain is taken, and the chain put in order", async () => {
    const checked = await checkCertificate(upload, NOW);
    expect(checked).toMatchObject({ ok: true, description: { hash: "449fe136" } });
    expect(checked.ok && checked.chain.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it("of one PEM file with all of them is taken", async () => {
    const whole = `${LEAF_KEY}${LEAF_CERTIFICATE}${CA_CERTIFICATE}`;
    expect((await checkCertificate({ certificate: whole, privateKey: whole, chain: [] }, NOW)).ok).toBe(true);
  });

  it.each([
    ["without a certificate", { certificate: "nothing" }, "no_certificate"],
    ["without a key", { privateKey: "" }, "no_private_key"],
    [
      "with a broken certificate",
      { certificate: LEAF_CERTIFICATE.replace(/MII/, "AAA") },
      "unreadable_certificate",
    ],
    [
      "with a broken key",
      { privateKey: LEAF_KEY.replace(/\n[^-]{20}/, "\nAAAAAAAAAAAAAAAAAAAA") },
      "unreadable_private_key",
    ],
    ["with an encrypted key", { privateKey: ENCRYPTED_KEY }, "encrypted_private_key"],
    ["with another's key", { privateKey: EC_KEY }, "key_mismatch"],
    ["with another's authority", { chain: [EC_CERTIFICATE] }, "broken_chain"],
    ["with a chain that is none", { chain: ["hello"] }, "broken_chain"],
    ["that has expired", { certificate: EXPIRED_CERTIFICATE }, "expired"],
  ])("%s is refused", async (_what, change, problem) => {
    expect(await checkCertificate({ ...upload, ...change }, NOW)).toEqual({ ok: false, problem });
  });

  it("of a certificate that begins tomorrow is refused", async () => {
    expect(await checkCertificate(upload, Date.UTC(2020, 0, 1))).toEqual({
      ok: false,
      problem: "not_yet_valid",
    });
  });
});
