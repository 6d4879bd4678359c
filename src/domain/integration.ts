import { z } from "zod";
import { durationSchema } from "./duration";
import { HeaderName } from "./http-header";
import {
  MAX_CALL_PARAMETERS,
  MAX_CALL_RESPONSE_BYTES,
  MAX_CALL_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_INTEGRATION_BYTES,
  MAX_INTEGRATION_ENDPOINTS,
  MAX_REDIRECTS,
} from "./limits";

/**
 * An integration: a third-party API that flows call (seed: API Integration). It says once what all calls share: where
 * the API is, how one proves who one is, common headers, how long an answer may take; and names the API's endpoints.
 * A node of type `api` names one endpoint and adds what its call needs.
 */

/** Names of integrations and endpoints: `call: fx.getRate` names both, so neither has a dot. */
const CallName = z
  .string()
  .min(1, "a name cannot be empty")
  .max(100, "a name has at most 100 characters")
  .regex(/^[\p{L}_][\p{L}\p{N}_-]*$/u, "a name starts with a letter and has only letters, digits, - and _");

export const IntegrationName = CallName.meta({ id: "IntegrationName" });
export const CallEndpointName = CallName;

/** Methods that an endpoint may have (contract, section 2). */
export const CALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] as const;
export type CallMethod = (typeof CALL_METHODS)[number];

/** Methods whose requests have no body. */
export const BODILESS = new Set<CallMethod>(["GET", "HEAD"]);

/** A text, or a number or boolean that stands for its text. */
const Scalar = z.union([z.string().max(20_000), z.number(), z.boolean()]);
export const HeaderMap = z.record(HeaderName, Scalar);
export const QueryMap = z.record(z.string().min(1).max(500), z.union([Scalar, z.array(Scalar).max(100)]));

/** How much of each call the run's messages show. */
export const CALL_LOGS = ["none", "line", "full"] as const;
export type CallLog = (typeof CALL_LOGS)[number];

export const LogSetting = z
  .enum(CALL_LOGS)
  .describe(
    "What the run's messages show of each call: nothing, a line with method, URL, status and time, or also headers and the truncated bodies of request and response. Secrets are always masked. Default `full`.",
  );

const PARTS = ["method", "url", "path", "query", "host", "timestamp", "nonce", "body", "bodyHash"] as const;
export type SignedPart = (typeof PARTS)[number];

const Auth = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("bearer"),
    token: z.string().min(1).describe("Sent as `Authorization: Bearer …`."),
  }),
  z.strictObject({ type: z.literal("basic"), username: z.string(), password: z.string() }),
  z.strictObject({
    type: z.literal("apiKey"),
    in: z.enum(["header", "query"]),
    name: z.string().min(1).max(200).describe("Name of the header or of the query parameter."),
    value: z.string().min(1),
  }),
  z.strictObject({
    type: z.literal("oauth2"),
    tokenUrl: z.string().min(1).max(2_000).describe("The token endpoint (RFC 6749, client credentials)."),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    scope: z.string().max(2_000).optional(),
    audience: z.string().max(2_000).optional(),
    credentials: z
      .enum(["basic", "body"])
      .default("basic")
      .describe("Whether id and secret go to the token endpoint by HTTP Basic or in the form."),
  }),
  z.strictObject({
    type: z.literal("hmac"),
    secret: z.string().min(1),
    algorithm: z.enum(["sha1", "sha256", "sha512"]).default("sha256"),
    sign: z
      .array(z.enum(PARTS))
      .min(1)
      .max(20)
      .default(["timestamp", "body"])
      .describe("What is signed, in order."),
    separator: z.string().max(10).default("\n").describe("Stands between the parts."),
    encoding: z.enum(["hex", "base64"]).default("hex"),
    header: HeaderName.default("X-Signature"),
    prefix: z.string().max(200).default("").describe("Before the signature: `sha256=`, `v1=` …"),
    timestampHeader: HeaderName.optional().describe("Carries the Unix time in seconds that was signed."),
    nonceHeader: HeaderName.optional().describe("Carries the random text that was signed."),
  }),
]);
export type CallAuth = z.output<typeof Auth>;

/** When a call is made once more. */
export const RetrySettings = z.strictObject({
  on: z
    .array(
      z
        .string()
        .regex(
          /^(?:[1-5]\d\d|[1-5]xx|error|timeout|max-connection)$/,
          "a retry is on a status (`503`), a class (`5xx`), `error`, `timeout` or `max-connection`",
        ),
    )
    .min(1)
    .max(20)
    .default(["429", "502", "503", "504", "error", "timeout", "max-connection"])
    .describe("What is tried again."),
  max: z.number().int().min(0).max(10).default(2).describe("Tries after the first."),
  backoff: durationSchema(60_000)
    .default("200ms")
    .describe(
      "Wait before the first repetition; it doubles each time, and chance takes up to half of it away. `Retry-After` is honoured where it is longer.",
    ),
  maxBackoff: durationSchema(60_000).default("10s").describe("The longest wait between two tries."),
});
export type RetrySettings = z.output<typeof RetrySettings>;

const timeoutSetting = durationSchema(MAX_CALL_TIMEOUT_MS).describe(
  "How long one try may take, from connecting to the last byte. What the run has left bounds it in any case. Default 30s.",
);
const responseLimit = z
  .number()
  .int()
  .min(1)
  .max(MAX_CALL_RESPONSE_BYTES)
  .describe(`Bytes of a response; a longer one is an error. Default ${MAX_CALL_RESPONSE_BYTES}.`);
const redirects = z
  .number()
  .int()
  .min(0)
  .max(MAX_REDIRECTS)
  .describe(
    `Redirects that are followed, within the integration's host and \`hosts\`; with 0 a 3xx is a result. Default ${MAX_REDIRECTS}.`,
  );
const querySeparator = z
  .enum(["&", ";"])
  .describe("What stands between query parameters: an ampersand, or a semicolon where the API wants it.");
const idempotency = z
  .union([z.boolean(), HeaderName])
  .describe(
    "Whether calls carry an `Idempotency-Key` made of run, node and item, the same on every try; or the name of the header to send it in. Default true.",
  );

/** A parameter that an API's description names, so that a call without it is found before it is made. */
const Parameter = z.strictObject({
  in: z
    .enum(["path", "query", "header", "body"])
    .describe("Where it goes; `body` is a field of a JSON or form body that is written as an object."),
  name: z.string().min(1).max(500),
  required: z.boolean().optional(),
  type: z
    .enum(["string", "number", "integer", "boolean", "array", "object"])
    .optional()
    .describe("What a constant must be; what an expression gives is not checked."),
  enum: z
    .array(z.union([z.string().max(500), z.number(), z.boolean()]))
    .min(1)
    .max(200)
    .optional()
    .describe("The values that a constant may have."),
  description: z.string().max(2_000).optional(),
});
export type CallParameter = z.output<typeof Parameter>;

const otherParameters = z
  .boolean()
  .describe(
    "`false` says that `parameters` lists all query parameters: another one is refused when the flow is published.",
  );

export const CallEndpoint = z.strictObject({
  description: z.string().max(10_000).optional(),
  method: z.enum(CALL_METHODS).default("GET"),
  path: z
    .string()
    .max(2_000)
    .default("")
    .refine((path) => path === "" || path.startsWith("/"), "a path starts with /, or is empty")
    .refine(
      (path) => !/[?#\\\s]/.test(path),
      "a path has no query, no # and no white space; name parameters under `query`",
    )
    .refine((path) => !/(?:^|\/)\.\.?(?:\/|$)/.test(path), "a path has no . or .. segments")
    .refine((path) => pathPieces(path) !== undefined, "path parameters are written {name}, each once")
    .describe("Path behind the base URL; `{name}` stands for a path parameter."),
  headers: HeaderMap.optional(),
  query: QueryMap.optional(),
  querySeparator: querySeparator.optional(),
  timeout: timeoutSetting.optional(),
  responseLimit: responseLimit.optional(),
  redirects: redirects.optional(),
  retry: RetrySettings.optional(),
  idempotencyKey: idempotency.optional(),
  body: z
    .enum(["json", "form", "xml", "text", "base64"])
    .optional()
    .describe("The kind of body that the endpoint takes; another one is refused when the flow is published."),
  bodyRequired: z.boolean().optional(),
  parameters: z
    .array(Parameter)
    .max(MAX_CALL_PARAMETERS)
    .optional()
    .describe(
      "Parameters that calls may give; a required one that is missing, or a constant of another type, is found when the flow is published.",
    ),
  otherParameters: otherParameters.optional(),
  log: LogSetting.optional(),
});
export type CallEndpoint = z.output<typeof CallEndpoint>;

export const IntegrationDefinition = z
  .strictObject({
    integration: IntegrationName.describe("The integration's name, unique in its project."),
    description: z.string().max(10_000).optional(),
    baseUrl: z
      .string()
      .max(2_000)
      .superRefine((url, context) => {
        const problem = baseUrlProblem(url);
        if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
      })
      .describe("Where the API is: `https://api.example.com/v2`. Calls go to this host and to no other."),
    hosts: z
      .array(
        z
          .string()
          .min(1)
          .max(300)
          .refine(
            (host) => hostUrl(host) !== null,
            "write a host, or a host with its port: `cdn.example.com:8443`",
          ),
      )
      .max(20)
      .optional()
      .describe(
        "Other hosts, each `host` or `host:port`, to which redirects and links to next pages may lead.",
      ),
    headers: HeaderMap.optional().describe("Headers of every call."),
    query: QueryMap.optional().describe("Query parameters of every call."),
    querySeparator: querySeparator.optional(),
    otherParameters: otherParameters.optional(),
    auth: Auth.optional().describe("How calls prove who makes them."),
    timeout: timeoutSetting.optional(),
    maxConnections: z
      .number()
      .int()
      .min(1)
      .max(MAX_CONNECTIONS)
      .optional()
      .describe(
        "Calls that may be under way at the same time, of all runs of the environment. One more leaves by `max-connection`.",
      ),
    connectionWait: durationSchema(60_000)
      .optional()
      .describe(
        "How long a call waits for a free connection before it leaves by `max-connection`. Not at all by default.",
      ),
    responseLimit: responseLimit.optional(),
    redirects: redirects.optional(),
    retry: RetrySettings.optional(),
    idempotencyKey: idempotency.optional(),
    log: LogSetting.optional(),
    endpoints: z
      .record(CallEndpointName, CallEndpoint)
      .refine(
        (endpoints) => Object.keys(endpoints).length <= MAX_INTEGRATION_ENDPOINTS,
        `an integration has at most ${MAX_INTEGRATION_ENDPOINTS} endpoints (MAX_INTEGRATION_ENDPOINTS)`,
      )
      .describe("The API's endpoints, by name."),
  })
  .meta({ id: "IntegrationDefinition" });
export type IntegrationDefinition = z.output<typeof IntegrationDefinition>;

/** Why an integration is too large to be kept; `undefined` when it is not. */
export function sizeProblem(source: unknown): string | undefined {
  const bytes = new TextEncoder().encode(JSON.stringify(source)).length;
  return bytes <= MAX_INTEGRATION_BYTES
    ? undefined
    : `an integration has at most ${MAX_INTEGRATION_BYTES} bytes as JSON (MAX_INTEGRATION_BYTES), and this one ${bytes}`;
}

/** What is wrong with a base URL or a token URL; addresses are checked when a call is made. */
export function baseUrlProblem(source: string): string | undefined {
  let url: URL;
  try {
    url = new URL(source);
  } catch {
    return "write a complete URL, such as https://api.example.com/v2";
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return "only https and http can be called";
  if (url.username !== "" || url.password !== "" || /^[a-z]+:[\\/]*[^/\\?#]*@/i.test(source))
    return "a URL carries no user and password; set `auth` with secrets instead";
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(source))
    return "a base URL has no query and no #; name parameters under `query`";
  if (source.includes("${")) return "a base URL is a literal, since calls are allowed to its host alone";
  return undefined;
}

/** A `host` or `host:port` as a URL; `null` when it is something else. */
export function hostUrl(host: string): URL | null {
  return /[/\\?#@\s]/.test(host) ? null : URL.parse(`http://${host}`);
}

/** A path cut at its parameters; `undefined` when braces do not match or a parameter stands twice. */
export function pathPieces(path: string): { text: string; parameter?: string }[] | undefined {
  const pieces: { text: string; parameter?: string }[] = [];
  const seen = new Set<string>();
  let rest = path;
  while (rest !== "") {
    const open = rest.indexOf("{");
    const text = open < 0 ? rest : rest.slice(0, open);
    if (text.includes("}")) return undefined;
    if (open < 0) {
      pieces.push({ text });
      break;
    }
    const close = rest.indexOf("}", open);
    const parameter = rest.slice(open + 1, close);
    if (close < 0 || parameter === "" || parameter.includes("{") || seen.has(parameter)) return undefined;
    seen.add(parameter);
    pieces.push({ text, parameter });
    rest = rest.slice(close + 1);
  }
  return pieces;
}

/** The endpoints that the `api` nodes of a flow call, loops included, by integration. */
export function calledEndpoints(source: unknown): Map<string, Set<string>> {
  const called = new Map<string, Set<string>>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("call" in value && "type" in value && value.type === "api" && typeof value.call === "string") {
      const [integration = "", endpoint = ""] = value.call.split(".", 2);
      const endpoints = called.get(integration) ?? new Set();
      called.set(integration, endpoints.add(endpoint));
    }
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(source);
  return called;
}
