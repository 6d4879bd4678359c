import type { V1Credentials } from "./v1";
import { call } from "./worker";

/** The SOAP endpoint as its callers see it. For tests of the project "workerd". */

export const SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/";
export const SOAP_12 = "http://www.w3.org/2003/05/soap-envelope";

export type Fields = Record<string, string | Record<string, string>>;

/** The content of `input`: texts, and objects of texts, with types as the seed writes them. */
export function fieldsXml(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) =>
      typeof value === "string"
        ? `<${name} xsi:type="xsd:string">${escaped(value)}</${name}>`
        : `<${name} xsi:type="mym:${name}">${fieldsXml(value)}</${name}>`,
    )
    .join("\n");
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

export function authentication({ apiKey, name }: Pick<V1Credentials, "apiKey" | "name">): Fields {
  return { AuthenticationObject: { Apikey: apiKey, Appkey: name, Version: "1" } };
}

/** An envelope as the seed prints it. */
export function envelopeOf(operation: string, content: string, header = "", namespace = SOAP_11): string {
  return `<soapenv:Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:soapenv="${namespace}" xmlns:mym="Flowize">
   <soapenv:Header>${header}</soapenv:Header>
   <soapenv:Body>
      <mym:${operation}>
         <input xsi:type="mym:${operation}Request">
            <!--You may enter the following items in any order-->
            ${content}
         </input>
      </mym:${operation}>
   </soapenv:Body>
</soapenv:Envelope>`;
}

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
}

export async function sendEnvelope(
  envelope: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  path = "/v1/soap",
): Promise<Answered> {
  const response = await call(path, {
    method: "POST",
    headers: { "content-type": "text/xml; charset=utf-8", ...headers },
    body: envelope,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Text of the first element with this name, without prefix, references resolved. */
export function textOf(xml: string, name: string): string | undefined {
  const found = new RegExp(`<(?:[\\w-]+:)?${name}(?: [^>]*)?(?:/>|>([^<]*)</)`).exec(xml);
  return found === null
    ? undefined
    : (found[1] ?? "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

export interface SoapResult {
  status: number;
  Id: string;
  Code: string;
  RequestIP: string;
  Resource: string;
  Message: string;
  Error: string;
}

/** Calls an operation; fails when it answers with a fault, or with another operation's names. */
export async function succeed(
  operation: string,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<SoapResult> {
  const answered = await sendEnvelope(envelopeOf(operation, fieldsXml(fields)), headers);
  const { status, text } = answered;
  const names = [`<ns1:${operation}Response xsi:type="ns1:${operation}Response">`, `<${operation}Result `];
  if (status >= 300 || names.some((name) => !text.includes(name))) throw new Error(`${status}: ${text}`);
  const of = (name: string) => textOf(text, name) as string;
  return {
    status,
    Id: of("Id"),
    Code: of("Code"),
    RequestIP: of("RequestIP"),
    Resource: of("Resource"),
    Message: of("Message"),
    Error: of("Error"),
  };
}

export interface Fault {
  status: number;
  code: string;
  message: string;
  actor: string;
  detail: Record<string, string>;
  headers: Headers;
}

/** The fault of SOAP 1.1 in an answer; fails when there is none, or it is not of the seed's shape. */
export function faultOf({ status, headers, text }: Answered): Fault {
  if (!/<SOAP-ENV:Body><SOAP-ENV:Fault>/.test(text)) throw new Error(`no fault: ${status}: ${text}`);
  const detail: Record<string, string> = {};
  for (const [, key = "", value = ""] of text.matchAll(
    /<item><key>([^<]*)<\/key>(?:<value>([^<]*)<\/value>|<value\/>)<\/item>/g,
  )) {
    detail[key] = value;
  }
  return {
    status,
    headers,
    code: textOf(text, "faultcode") ?? "",
    message: textOf(text, "faultstring") ?? "",
    actor: textOf(text, "faultactor") ?? "",
    detail,
  };
}

/** Calls an operation that is to end in a fault. */
export async function fail(
  operation: string,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<Fault> {
  return faultOf(await sendEnvelope(envelopeOf(operation, fieldsXml(fields)), headers));
}
