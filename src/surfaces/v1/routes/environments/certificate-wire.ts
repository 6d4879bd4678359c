import type { CertificateDescription, CertificateName } from "../../../../domain/certificate";
import type { JsonObject } from "../../../../domain/json";

/** A certificate as the seed shows it. */
export function certificateOnWire(certificate: CertificateDescription): JsonObject {
  const { subject, issuer } = certificate;
  return {
    name: certificate.name,
    subject: {
      serial_number: subject.serialNumber,
      email_address: subject.emailAddress,
      common_name: subject.commonName,
      organization_name: subject.organizationName,
      organizational_unit_name: subject.organizationalUnitName,
      locality_name: subject.localityName,
      state_province_name: subject.stateProvinceName,
      country_name: subject.countryName,
    },
    hash: certificate.hash,
    issuer: issuerOnWire(issuer),
    version: certificate.version,
    serial_number: certificate.serialNumber,
    valid_from: certificate.validFrom,
    valid_to: certificate.validTo,
    signature_type_SN: certificate.signatureShortName,
    signature_type_LN: certificate.signatureLongName,
    signature_type_NID: certificate.signatureNid,
    purposes: certificate.purposes,
  };
}

function issuerOnWire(issuer: CertificateName): JsonObject {
  return {
    country_name: issuer.countryName,
    state_province_name: issuer.stateProvinceName,
    organization_name: issuer.organizationName,
    organizational_unit_name: issuer.organizationalUnitName,
    common_name: issuer.commonName,
    email_address: issuer.emailAddress,
  };
}
