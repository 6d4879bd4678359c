/** What differs between the two versions of SOAP. */
export interface SoapVersion {
  name: "1.1" | "1.2";
  /** Namespace of the envelope. */
  envelope: string;
  encoding: string;
  contentType: string;
  /** Prefix of the envelope's elements in answers. */
  prefix: string;
}

/** Note of May 2000: `text/xml` and the header SOAPAction. */
export const SOAP_1_1: SoapVersion = {
  name: "1.1",
  envelope: "http://schemas.xmlsoap.org/soap/envelope/",
  encoding: "http://schemas.xmlsoap.org/soap/encoding/",
  contentType: "text/xml; charset=utf-8",
  prefix: "SOAP-ENV",
};

/** Recommendation of 2003 and 2007: `application/soap+xml`. */
export const SOAP_1_2: SoapVersion = {
  name: "1.2",
  envelope: "http://www.w3.org/2003/05/soap-envelope",
  encoding: "http://www.w3.org/2003/05/soap-encoding",
  contentType: "application/soap+xml; charset=utf-8",
  prefix: "env",
};

/** The version of an envelope's namespace. The seed prints that of 1.2 with a slash at its end, so it is answered so, too. */
export function versionOf(namespace: string | undefined): SoapVersion | undefined {
  if (namespace === SOAP_1_1.envelope) return SOAP_1_1;
  if (namespace === SOAP_1_2.envelope) return SOAP_1_2;
  return namespace === `${SOAP_1_2.envelope}/` ? { ...SOAP_1_2, envelope: namespace } : undefined;
}

/** The version that a content type speaks of, for answers to what could not be read. */
export function versionOfType(contentType: string): SoapVersion {
  return /^application\/soap\+xml\b/i.test(contentType.trim()) ? SOAP_1_2 : SOAP_1_1;
}
