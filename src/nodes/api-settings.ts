import { z } from "zod";
import { durationSchema } from "../domain/duration";
import { HeaderName } from "../domain/http-header";
import { LogSetting, RetrySettings } from "../domain/integration";
import { MAX_CALL_TIMEOUT_MS, MAX_PAGES } from "../domain/limits";
import { READ_AS } from "../engine/calls/prepared-call";
import { AnyValue, FieldPath } from "./settings";

/** Settings of the `api` node. */

const bodyKinds = "give one of `json`, `form`, `xml`, `text` and `base64`";

const Body = z
  .strictObject({
    json: AnyValue.optional().describe("Sent as JSON."),
    form: AnyValue.optional().describe(
      "An object of fields, sent as `application/x-www-form-urlencoded`; a list repeats its name.",
    ),
    xml: AnyValue.optional().describe("Sent as XML; see the format node for how JSON becomes XML."),
    root: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Root element of an XML body whose value is its content."),
    text: AnyValue.optional().describe("Sent as it is."),
    base64: AnyValue.optional().describe("Bytes in base64, sent decoded."),
    contentType: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Content type, in the place of the kind's own."),
  })
  .refine((body) => bodyKind(body) !== undefined, bodyKinds)
  .refine((body) => body.root === undefined || body.xml !== undefined, "`root` is for an XML body");

const KINDS = ["json", "form", "xml", "text", "base64"] as const;

/** The kind of a body's settings; `undefined` when they name none or several. */
export function bodyKind(
  body: { [K in (typeof KINDS)[number]]?: unknown },
): (typeof KINDS)[number] | undefined {
  const given = KINDS.filter((kind) => body[kind] !== undefined);
  return given.length === 1 ? given[0] : undefined;
}

const items = FieldPath.optional().describe(
  "Where the list is in each page's body; without it the body is the list.",
);
const max = z
  .number()
  .int()
  .min(1)
  .max(MAX_PAGES)
  .default(10)
  .describe("Pages to fetch at the most. `complete` in the answer tells whether there were no more.");

const Paging = z.discriminatedUnion("by", [
  z.strictObject({ by: z.literal("link").describe("Follow the header `Link` with `rel=next`."), items, max }),
  z.strictObject({
    by: z.literal("cursor").describe("The body holds the cursor of the next page; none ends the list."),
    cursor: FieldPath.describe("Where the cursor is in the body."),
    parameter: z.string().min(1).max(200).describe("Query parameter that takes it."),
    items,
    max,
  }),
  z.strictObject({
    by: z
      .enum(["offset", "page"])
      .describe("`offset` counts items, `page` pages. A page that is not full is the last."),
    parameter: z.string().min(1).max(200).describe("Query parameter that takes the offset or the number."),
    start: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe("Of the first page: 0 for an offset, 1 for a page number by default."),
    size: z.number().int().min(1).max(100_000).describe("Items of a full page."),
    sizeParameter: z.string().min(1).max(200).optional().describe("Query parameter that asks for that many."),
    items,
    max,
  }),
]);

export const ApiConfig = z.strictObject({
  call: z
    .string()
    .max(201)
    .regex(/^[^.]+\.[^.]+$/, "name the integration and its endpoint: `fx.getRate`")
    .describe("The integration and its endpoint: `fx.getRate`."),
  params: z
    .record(z.string().min(1).max(500), AnyValue)
    .optional()
    .describe("The endpoint's path parameters."),
  headers: z
    .record(HeaderName, AnyValue)
    .optional()
    .describe(
      "Headers beside those of the integration and the endpoint. One that is set there with another value is refused.",
    ),
  query: z
    .record(z.string().min(1).max(500), AnyValue)
    .optional()
    .describe(
      "Query parameters beside those of the integration; a list repeats its name, nothing leaves it out.",
    ),
  body: Body.optional().describe("The request's body."),
  read: z
    .enum(READ_AS)
    .default("auto")
    .describe("How the answer's body is read; by its content type unless it is said here."),
  into: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe("Field of the item that takes the answer; without it, the answer is the new item."),
  timeout: durationSchema(MAX_CALL_TIMEOUT_MS)
    .optional()
    .describe(
      "How long one try may take, from connecting to the last byte; what the run has left bounds it in any case.",
    ),
  retry: RetrySettings.optional().describe(
    "When the call is made once more. In the place of the endpoint's own.",
  ),
  paging: Paging.optional().describe("Fetches the following pages of a list too, and joins them."),
  log: LogSetting.optional(),
});
export type ApiConfig = z.output<typeof ApiConfig>;
