import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { MAX_BODY_BYTES } from "../../domain/limits";
import { OPERATIONS } from "./description";

const Envelope = z.string().describe("An envelope of SOAP 1.1 or 1.2.");
const envelopes = {
  content: { "text/xml": { schema: Envelope }, "application/soap+xml": { schema: Envelope } },
};
const fault = (description: string) => ({ description: `A fault: ${description}`, ...envelopes });

/** Describes the SOAP endpoint for the OpenAPI document; its own description is the WSDL. */
export function describeSoap(registry: OpenAPIHono["openAPIRegistry"]): void {
  const common = { path: "/v1/soap", tags: ["v1: SOAP"] };
  registry.registerPath({
    ...common,
    method: "get",
    operationId: "v1-get-soap",
    summary: "The WSDL of the SOAP web service with ?wsdl, else a page about it",
    request: { query: z.object({ wsdl: z.string().optional().describe("Any value, or none.") }) },
    responses: {
      200: {
        description: "The description.",
        content: { "text/xml": { schema: z.string() }, "text/html": { schema: z.string() } },
      },
    },
  });
  registry.registerPath({
    ...common,
    method: "post",
    operationId: "v1-post-soap",
    summary: "Call an operation of the SOAP web service",
    description: `An envelope of SOAP 1.1 (\`text/xml\`) or 1.2 (\`application/soap+xml\`), RPC/encoded, without a document type, of at most ${MAX_BODY_BYTES} bytes. Operations: ${Object.keys(OPERATIONS).join(", ")}. Credentials stand in the envelope, in the HTTP headers as for REST, or in the URL.`,
    security: [{ v1Token: [] }, { v1ApiKey: [], v1App: [] }, {}],
    request: { body: { required: true, ...envelopes } },
    responses: {
      200: { description: "The operation's answer.", ...envelopes },
      201: { description: "The operation's answer: something was stored.", ...envelopes },
      400: fault("the envelope or what stands in it is wrong."),
      403: fault("the credentials do not allow this."),
      404: fault("the credentials are wrong, which has this code too, or there is no such thing."),
      409: fault("the state of the thing does not allow this."),
      413: fault("the envelope is too large."),
      415: fault("the content type is not taken."),
      429: fault("too many calls in this window."),
      503: fault("the deployment lacks a setting that this needs, or cannot answer now."),
    },
  });
}
