import { z } from "zod";

/** Slug of a website: it stands in URLs. */
const Slug = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/,
    "a slug has letters, digits, _ and -, and starts with a letter or digit",
  );

/** A website that the environment serves: its files are uploaded through the management API. */
export const WebsiteDefinition = z
  .strictObject({
    website: Slug.describe("The website's slug, unique in the environment."),
    description: z.string().max(10_000).optional(),
    index: z.string().min(1).max(100).default("index.html").describe("The file that answers for a folder."),
    notFound: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe("The file that answers, with 404, for a path that has none."),
    fallback: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe("The file that answers, with 200, for a path that has none: for applications of one page."),
    maxAge: z
      .number()
      .int()
      .min(0)
      .max(31_536_000)
      .default(0)
      .describe("Seconds for which browsers keep files without asking again."),
  })
  .meta({ id: "WebsiteDefinition" });
export type WebsiteDefinition = z.output<typeof WebsiteDefinition>;
