import type { Json, JsonObject } from "../../domain/json";
import { writeXmlDocument } from "../../operations/xml-element";
import { NAMESPACE, OBJECTS, OPERATIONS, RESPONSE_FIELDS, type SoapOperation } from "./description";
import { SOAP_1_1 } from "./versions";

/** Namespaces of WSDL 1.1 and of its binding to SOAP. */
const WSDL = "http://schemas.xmlsoap.org/wsdl/";
const SOAP_BINDING = "http://schemas.xmlsoap.org/wsdl/soap/";
const HTTP_TRANSPORT = "http://schemas.xmlsoap.org/soap/http";

const operations = Object.entries(OPERATIONS) as [string, SoapOperation][];

/**
 * The WSDL 1.1 document, RPC/encoded: one port type, one binding, one service.
 * @param address where this deployment answers
 */
export function writeWsdl(address: string): string {
  return writeXmlDocument({
    definitions: {
      "@name": NAMESPACE,
      "@targetNamespace": NAMESPACE,
      "@xmlns": WSDL,
      "@xmlns:soap": SOAP_BINDING,
      "@xmlns:soapenc": SOAP_1_1.encoding,
      "@xmlns:xsd": "http://www.w3.org/2001/XMLSchema",
      "@xmlns:tns": NAMESPACE,
      types: { "xsd:schema": { "@targetNamespace": NAMESPACE, "xsd:complexType": types() } },
      message: operations.flatMap(([name, { request }]): Json[] => [
        message(name, "input", request),
        message(`${name}Response`, `${name}Result`, "Response"),
      ]),
      portType: {
        "@name": "FlowizePortType",
        operation: operations.map(([name, { documentation }]) => ({
          "@name": name,
          documentation,
          input: { "@message": `tns:${name}` },
          output: { "@message": `tns:${name}Response` },
        })),
      },
      binding: {
        "@name": "FlowizeBinding",
        "@type": "tns:FlowizePortType",
        "soap:binding": { "@style": "rpc", "@transport": HTTP_TRANSPORT },
        operation: operations.map(([name]) => ({
          "@name": name,
          "soap:operation": { "@soapAction": `${NAMESPACE}#${name}`, "@style": "rpc" },
          input: { "soap:body": encodedBody() },
          output: { "soap:body": encodedBody() },
        })),
      },
      service: {
        "@name": "FlowizeService",
        port: {
          "@name": "FlowizePort",
          "@binding": "tns:FlowizeBinding",
          "soap:address": { "@location": address },
        },
      },
    },
  });
}

function message(name: string, part: string, type: string): JsonObject {
  return { "@name": name, part: { "@name": part, "@type": `tns:${type}` } };
}

function encodedBody(): JsonObject {
  return { "@use": "encoded", "@namespace": NAMESPACE, "@encodingStyle": SOAP_1_1.encoding };
}

function types(): Json[] {
  return [
    ...Object.entries(OBJECTS).map(([name, fields]) => struct(name, fields.map(optionalText))),
    ...operations.map(([, { request, objects, fields }]) =>
      struct(request, [
        // An access token in the header stands for the credentials in the request.
        ...objects.map((name) => member(name, `tns:${name}`, name === "AuthenticationObject")),
        ...fields.map((name) => member(name, "xsd:string", false)),
      ]),
    ),
    struct(
      "Response",
      RESPONSE_FIELDS.map((name) => member(name, "xsd:string", false)),
    ),
  ];
}

/** Members in any order, as the seed's samples say. */
function struct(name: string, members: JsonObject[]): JsonObject {
  return { "@name": name, "xsd:all": { "xsd:element": members } };
}

function member(name: string, type: string, optional: boolean): JsonObject {
  return { ...(optional ? { "@minOccurs": "0" } : {}), "@name": name, "@type": type };
}

/** Operations share these objects and need different fields of them, so the description lets each be left out. */
function optionalText(name: string): JsonObject {
  return member(name, "xsd:string", true);
}
