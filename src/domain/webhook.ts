import { z } from "zod";
import { durationSchema } from "./duration";
import { parseJsonPath } from "./json-path";
import {
  DEFAULT_TOLERANCE_MS,
  DEFAULT_WEBHOOK_RETENTION_MS,
  MAX_TOLERANCE_MS,
  MAX_WEBHOOK_RETENTION_MS,
  MAX_WEBHOOK_SECRETS,
} from "./limits";
import { FlowName, ResourceName } from "./names";
import { SecretName } from "./secret";

/**
 * A webhook: a URL, `/v1/webhook/{name}`, that takes other systems' notifications and starts a flow for each. What its
 * sender can be asked to prove, and how a delivery that comes twice is recognised, is set here.
 */

const Secrets = z
  .union([SecretName, z.array(SecretName).min(1).max(MAX_WEBHOOK_SECRETS)], {
    error: `the name of a secret, or a list of 1 to ${MAX_WEBHOOK_SECRETS} of them`,
  })
  .describe(
    "Name of the secret shared with the sender; a list while it is being changed: a signature made with any of them is taken.",
  );

const Tolerance = durationSchema(MAX_TOLERANCE_MS)
  .optional()
  .describe(
    `How long ago, and how far ahead of our clock, a delivery may have been signed. Default ${DEFAULT_TOLERANCE_MS} ms.`,
  );

/** A header's name (RFC 9110, token), compared in any case. */
const HeaderName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, "a header's name has letters, digits and - only");

const GithubSignature = z.strictObject({
  scheme: z.literal("github").describe("GitHub and those who sign like it: `X-Hub-Signature-256`."),
  secret: Secrets,
  allowSha1: z
    .boolean()
    .default(false)
    .describe("Also take the older `X-Hub-Signature` (SHA-1) of a sender that has no other."),
});
export type GithubSignature = z.output<typeof GithubSignature>;

const StripeSignature = z.strictObject({
  scheme: z.literal("stripe").describe("Stripe: `Stripe-Signature`, scheme v1."),
  secret: Secrets,
  tolerance: Tolerance,
});

const SlackSignature = z.strictObject({
  scheme: z
    .literal("slack")
    .describe("Slack: `X-Slack-Signature`, version v0. Its `url_verification` is answered, too."),
  secret: Secrets,
  tolerance: Tolerance,
});

const TwilioSignature = z.strictObject({
  scheme: z
    .literal("twilio")
    .describe("Twilio: `X-Twilio-Signature` over the URL and the form, or `bodySHA256`."),
  secret: Secrets,
  url: z
    .url({ protocol: /^https?$/, error: "the complete public URL of the webhook, without a query" })
    .max(2_000)
    .refine((url) => !/[?#]/.test(url), "write the URL without a query; that of the request is added")
    .optional()
    .describe("The URL that Twilio calls, when a proxy before Sluice changes it: the signature covers it."),
});
export type TwilioSignature = z.output<typeof TwilioSignature>;

const StandardSignature = z.strictObject({
  scheme: z
    .literal("standard")
    .describe("Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature` v1."),
  secret: Secrets,
  tolerance: Tolerance,
});

const SvixSignature = z.strictObject({
  scheme: z
    .literal("svix")
    .describe("Svix: `svix-id`, `svix-timestamp`, `svix-signature`, or the same as `webhook-…`."),
  secret: Secrets,
  tolerance: Tolerance,
});

const PLACEHOLDERS = /\{([^{}]*)\}/g;

const HmacSignature = z
  .strictObject({
    scheme: z.literal("hmac").describe("Any other sender that signs with an HMAC."),
    secret: Secrets,
    header: HeaderName.describe("The header that has the signature; several are separated by commas."),
    algorithm: z.enum(["sha256", "sha384", "sha512", "sha1"]).default("sha256"),
    encoding: z.enum(["hex", "base64"]).default("hex"),
    prefix: z.string().max(50).default("").describe("What stands before the signature, such as `sha256=`."),
    timestamp: HeaderName.optional().describe(
      "The header that has the time of signing, in seconds or milliseconds since 1970. `content` must cover it.",
    ),
    id: HeaderName.optional().describe(
      "The header that has the delivery's id, where the signature covers it.",
    ),
    content: z
      .string()
      .max(200)
      .default("{body}")
      .describe("What is signed: `{body}` once, and `{timestamp}` and `{id}` where these are set."),
    tolerance: Tolerance,
  })
  .superRefine(({ content, timestamp, id, tolerance }, context) => {
    const complain = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    const used = [...content.matchAll(PLACEHOLDERS)].map(([, name]) => name);
    if (used.filter((name) => name === "body").length !== 1) complain("content", "write `{body}` once");
    if (used.some((name) => name !== "body" && name !== "timestamp" && name !== "id")) {
      complain("content", "only `{body}`, `{timestamp}` and `{id}` are filled in");
    }
    for (const [name, header] of [
      ["timestamp", timestamp],
      ["id", id],
    ] as const) {
      if (used.includes(name) !== (header !== undefined)) {
        complain(
          "content",
          `\`${name}\` and \`{${name}}\` in \`content\` go together: what is not signed proves nothing`,
        );
      }
    }
    if (tolerance !== undefined && timestamp === undefined) {
      complain("tolerance", "without `timestamp` there is no time to compare");
    }
  });
export type HmacSignature = z.output<typeof HmacSignature>;

/** How a sender proves that a delivery is its own. */
export const WebhookSignature = z
  .discriminatedUnion(
    "scheme",
    [
      GithubSignature,
      StripeSignature,
      SlackSignature,
      TwilioSignature,
      StandardSignature,
      SvixSignature,
      HmacSignature,
    ],
    { error: "a scheme is github, stripe, slack, twilio, standard, svix or hmac" },
  )
  .meta({ id: "WebhookSignature" });
export type WebhookSignature = z.output<typeof WebhookSignature>;

const ONE_PLACE = "say one of `query`, `header` and `json`";

/** A question that a sender asks before it begins to send, to see whether someone is there who wants it. */
export const WebhookChallenge = z
  .strictObject({
    method: z.enum(["GET", "POST"]).default("GET"),
    query: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("The parameter that has the challenge, such as `hub.challenge`."),
    header: HeaderName.optional().describe("The header that has it."),
    json: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("The field of a JSON body that has it. Checked after the signature."),
    when: z
      .record(z.string().max(100), z.string().max(200))
      .optional()
      .describe(
        "Other fields of the JSON body that tell a challenge from a delivery, such as `type: url_verification`.",
      ),
    verify: z
      .strictObject({ query: z.string().min(1).max(100), secret: SecretName })
      .optional()
      .describe("A parameter that must equal a secret, such as `hub.verify_token`; 403 otherwise."),
    answer: z
      .union([z.literal("text"), z.strictObject({ json: z.string().min(1).max(100) })])
      .default("text")
      .describe("The challenge itself as text, or a JSON object that has it under this name."),
  })
  .superRefine(({ query, header, json, method, when }, context) => {
    const places = [query, header, json].filter((place) => place !== undefined).length;
    if (places !== 1) context.addIssue({ code: "custom", message: ONE_PLACE });
    if (json !== undefined && method !== "POST") {
      context.addIssue({
        code: "custom",
        path: ["method"],
        message: "a JSON body comes with `method: POST`",
      });
    }
    if (json !== undefined && (when === undefined || Object.keys(when).length === 0)) {
      context.addIssue({
        code: "custom",
        path: ["when"],
        message: "say by which fields a challenge is told from a delivery",
      });
    }
    if (json === undefined && when !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["when"],
        message: "`when` looks at a JSON body: it goes with `json`",
      });
    }
  })
  .meta({ id: "WebhookChallenge" });
export type WebhookChallenge = z.output<typeof WebhookChallenge>;

const JsonPathText = z
  .string()
  .max(200)
  .refine((path) => parseJsonPath(path) !== undefined, "a JSON path to one value, such as $.event.id");

export const WebhookDefinition = z
  .strictObject({
    webhook: ResourceName.describe("Its name, unique in its environment: the last segment of its URL."),
    description: z.string().max(10_000).optional(),
    flow: FlowName.describe("The flow of this project that each delivery starts."),
    signature: WebhookSignature.optional().describe("Without it, whoever knows the URL may send."),
    credentials: z
      .enum(["none", "required"])
      .default("none")
      .describe("`required` asks for the credentials of a v1 interface with the scope `webhook` as well."),
    dedupe: z
      .union(
        [
          z.literal(false),
          z.literal("content"),
          z.strictObject({ header: HeaderName }),
          z.strictObject({ json: JsonPathText }),
        ],
        { error: "`false`, `content`, or `header:` or `json:` that has the delivery's id" },
      )
      .optional()
      .describe(
        "Where a delivery's id is; `content`: what was signed, or the body, is its id. By default where the scheme has it, else in `Idempotency-Key`. A delivery that comes again starts nothing.",
      ),
    challenge: WebhookChallenge.optional(),
    contentTypes: z
      .array(
        z
          .string()
          .regex(/^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/, "a media type, such as application/json or text/*"),
      )
      .min(1)
      .max(50)
      .optional()
      .describe("Content types that are taken, `text/*` for all of a kind; any when absent. 415 otherwise."),
    retention: durationSchema(MAX_WEBHOOK_RETENTION_MS)
      .optional()
      .describe(
        `How long a delivery is kept, to be read, replayed and recognised. Default ${DEFAULT_WEBHOOK_RETENTION_MS / 86_400_000} days.`,
      ),
  })
  .meta({ id: "WebhookDefinition" });
export type WebhookDefinition = z.output<typeof WebhookDefinition>;

/** The secrets that a webhook uses, each with where it names them. */
export function webhookSecrets({
  signature,
  challenge,
}: WebhookDefinition): { name: string; at: (string | number)[] }[] {
  const uses: { name: string; at: (string | number)[] }[] = [];
  if (typeof signature?.secret === "string")
    uses.push({ name: signature.secret, at: ["signature", "secret"] });
  else {
    for (const [index, name] of (signature?.secret ?? []).entries()) {
      uses.push({ name, at: ["signature", "secret", index] });
    }
  }
  if (challenge?.verify !== undefined) {
    uses.push({ name: challenge.verify.secret, at: ["challenge", "verify", "secret"] });
  }
  return uses;
}

/** Whether a content type is among those that a webhook takes. */
export function takesContentType({ contentTypes }: WebhookDefinition, contentType: string): boolean {
  if (contentTypes === undefined) return true;
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return contentTypes.some((taken) => {
    const wanted = taken.toLowerCase();
    return wanted.endsWith("/*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
  });
}
