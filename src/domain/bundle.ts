import { z } from "zod";
import { FlowDefinition } from "./flow";
import { MAX_FLOWS } from "./limits";
import { ProjectName } from "./names";

/** The version of the bundle's grammar. A later, incompatible grammar gets the next number. */
export const BUNDLE_GRAMMAR = 1;

/** A project written down as one document: the one way in, and the one way out again. */
export const Bundle = z
  .strictObject({
    $schema: z
      .string()
      .max(2_000)
      .optional()
      .describe("For editors: where the JSON Schema of this document is."),
    sluice: z
      .literal(BUNDLE_GRAMMAR, {
        error: `write \`sluice: ${BUNDLE_GRAMMAR}\`, the version of the bundle grammar`,
      })
      .default(BUNDLE_GRAMMAR),
    project: ProjectName.optional().describe(
      "The project's name; when given, it must be the one in the URL.",
    ),
    description: z.string().max(10_000).optional(),
    version: z
      .number()
      .int()
      .positive()
      .optional()
      .describe("Set on export; ignored when the bundle is applied."),
    flows: z.array(FlowDefinition).max(MAX_FLOWS, `a project has at most ${MAX_FLOWS} flows`).default([]),
  })
  .meta({ id: "Bundle" });
export type Bundle = z.output<typeof Bundle>;
