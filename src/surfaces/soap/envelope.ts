import { SluiceError } from "../../domain/errors";
import type { Json, JsonObject } from "../../domain/json";
import { readXmlElement, writeXmlDocument, type XmlElement, xmlText } from "../../operations/xml-element";
import { isOperation, NAMESPACE, OPERATIONS, type OperationName, RESPONSE_FIELDS } from "./description";
import { type SoapVersion, versionOf } from "./versions";

/** A call as its envelope says it. */
export interface SoapRequest {
  operation: OperationName;
  /** The operation's element. */
  call: XmlElement;
  /** The access token of the SOAP header, `AccessToken` or `SessionID`. */
  token: string | undefined;
  /** Elements of the body by their `id`, which others may point at (SOAP 1.1, section 5.4.1). */
  byId: ReadonlyMap<string, XmlElement>;
}

/** Faults of the envelope itself have codes of SOAP's own. */
export type EnvelopeFault = "VersionMismatch" | "MustUnderstand";

function envelopeFault(code: EnvelopeFault, message: string): SluiceError {
  return new SluiceError("invalid_request", message, { envelopeFault: code });
}

function refuse(message: string): never {
  throw new SluiceError("invalid_request", message);
}

/**
 * Reads an envelope of either version. Prefixes and the order of elements do not matter; namespaces do.
 * @param seen told the version as soon as it is known, for the fault that may follow
 * @throws FormatError, SluiceError invalid_request
 */
export function readEnvelope(text: string, seen: (version: SoapVersion) => void): SoapRequest {
  const envelope = readXmlElement(text, "The envelope");
  if (envelope.name !== "Envelope") {
    refuse("The body is not a SOAP envelope: its root element must be Envelope.");
  }
  const version = versionOf(envelope.namespace);
  if (version === undefined) {
    throw envelopeFault(
      "VersionMismatch",
      "The envelope's namespace is that of neither SOAP 1.1 nor SOAP 1.2.",
    );
  }
  seen(version);
  const own = (name: string) => (element: XmlElement) =>
    element.name === name && element.namespace === envelope.namespace;
  const headers = envelope.children.filter(own("Header"));
  const bodies = envelope.children.filter(own("Body"));
  const [body] = bodies;
  if (body === undefined || bodies.length > 1) {
    refuse(`An envelope has one Body; this one has ${bodies.length === 0 ? "none" : bodies.length}.`);
  }
  if (headers.length > 1) refuse("An envelope has at most one Header.");
  const entries = headers.flatMap((header) => header.children);
  checkUnderstood(entries, version);
  const call = theCall(body);
  const inside = call.children.flatMap((part) => part.children.filter(own("Header")));
  return {
    operation: operationOf(call),
    call,
    token: tokenIn([...entries, ...inside.flatMap((header) => header.children)]),
    byId: identified(body),
  };
}

/** The one element of the body that others do not merely point at. */
function theCall(body: XmlElement): XmlElement {
  const calls = body.children.filter((child) => plainAttribute(child, "id") === undefined);
  const [call] = calls;
  if (call === undefined) refuse("The Body is empty; it holds the element of the operation.");
  if (calls.length > 1) refuse("The Body holds one operation; send one envelope for each.");
  return call;
}

function operationOf(call: XmlElement): OperationName {
  const { name, namespace } = call;
  const shown = JSON.stringify(name.slice(0, 60));
  if (namespace === undefined) refuse(`The prefix of ${shown} is not declared.`);
  if (namespace !== NAMESPACE) {
    refuse(`The operation ${shown} must be in the namespace "${NAMESPACE}"; ?wsdl has the description.`);
  }
  if (!isOperation(name)) {
    refuse(`There is no operation ${shown}; there are ${Object.keys(OPERATIONS).join(", ")}.`);
  }
  return name;
}

/** Header entries that are read. The seed's samples do not declare their prefix, so the name alone counts. */
const AUTHENTICATION = "AuthenticationHeader";
const TOKENS = ["AccessToken", "SessionID"];

function tokenIn(entries: readonly XmlElement[]): string | undefined {
  const found = new Set<string>();
  for (const entry of entries) {
    const fields = entry.name === AUTHENTICATION ? entry.children : [entry];
    for (const { name, text } of fields) {
      const value = text.trim();
      if (TOKENS.includes(name) && value !== "") found.add(value);
    }
  }
  if (found.size > 1) refuse("The header has two different access tokens; send one.");
  return [...found][0];
}

/** @throws SluiceError for an entry that must be understood and is not */
function checkUnderstood(entries: readonly XmlElement[], version: SoapVersion): void {
  for (const { name, attributes } of entries) {
    if (name === AUTHENTICATION || TOKENS.includes(name)) continue;
    const own = (attribute: string) =>
      attributes.find((each) => each.name === attribute && each.namespace === version.envelope)?.value;
    if (!["1", "true"].includes(own("mustUnderstand")?.trim() ?? "")) continue;
    const role = own("actor") ?? own("role") ?? "";
    // Entries for somebody else on the way are none of ours.
    if (role !== "" && !/\/(?:next|ultimateReceiver)$/.test(role)) continue;
    throw envelopeFault(
      "MustUnderstand",
      `The header ${JSON.stringify(name.slice(0, 60))} must be understood and is not.`,
    );
  }
}

export function plainAttribute({ attributes }: XmlElement, name: string): string | undefined {
  return attributes.find((each) => each.name === name && each.namespace === "")?.value;
}

function identified(body: XmlElement): Map<string, XmlElement> {
  const found = new Map<string, XmlElement>();
  const waiting = [...body.children];
  for (let element = waiting.pop(); element !== undefined; element = waiting.pop()) {
    const id = plainAttribute(element, "id");
    if (id !== undefined) found.set(id, element);
    for (const child of element.children) waiting.push(child);
  }
  return found;
}

const XSI = "http://www.w3.org/2001/XMLSchema-instance";
const XSD = "http://www.w3.org/2001/XMLSchema";

/** What a call is answered with, by the names of the seed. */
export type ResponseFields = Record<(typeof RESPONSE_FIELDS)[number], string>;

/** The answer of an operation: `{operation}Response` with `{operation}Result` in it. */
export function writeResponse(
  version: SoapVersion,
  operation: OperationName,
  fields: ResponseFields,
): string {
  const { prefix, encoding } = version;
  const style = { [`@${prefix}:encodingStyle`]: encoding };
  const result: JsonObject = { "@xsi:type": "ns1:Response" };
  for (const name of RESPONSE_FIELDS) {
    result[name] = { "@xsi:type": "xsd:string", "#text": xmlText(fields[name]) };
  }
  const response = `${operation}Response`;
  const namespaces = {
    "@xmlns:xsd": XSD,
    "@xmlns:xsi": XSI,
    "@xmlns:ns1": NAMESPACE,
    "@xmlns:SOAP-ENC": encoding,
  };
  const is11 = version.name === "1.1";
  return inEnvelope(
    version,
    {
      [`ns1:${response}`]: {
        // SOAP 1.2 does not allow it on the envelope.
        ...(is11 ? {} : style),
        "@xsi:type": `ns1:${response}`,
        [`${operation}Result`]: result,
      },
    },
    is11 ? { ...style, ...namespaces } : namespaces,
  );
}

/** An envelope around the content of its body. */
export function inEnvelope(
  { prefix, envelope }: SoapVersion,
  body: Record<string, Json>,
  attributes: Record<string, string> = {},
): string {
  return writeXmlDocument({
    [`${prefix}:Envelope`]: {
      [`@xmlns:${prefix}`]: envelope,
      ...attributes,
      [`${prefix}:Body`]: body,
    },
  });
}
