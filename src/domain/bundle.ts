import { z } from "zod";
import { Constants } from "./constants";
import { FlowDefinition } from "./flow";
import { MAX_FLOWS, MAX_RESOURCES } from "./limits";
import { ProjectName } from "./names";
import { RESOURCES } from "./resource";

/** The version of the bundle's grammar. A later, incompatible grammar gets the next number. */
export const BUNDLE_GRAMMAR = 1;

function resources<T extends z.ZodType>(schema: T, section: string) {
  return z.array(schema).max(MAX_RESOURCES, `a project has at most ${MAX_RESOURCES} ${section}`).optional();
}

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
    constants: Constants.optional().describe("Values by name that expressions read: `$constants.name`."),
    flows: z.array(FlowDefinition).max(MAX_FLOWS, `a project has at most ${MAX_FLOWS} flows`).default([]),
    integrations: resources(RESOURCES.integration.schema, "integrations").describe(
      "Third-party APIs that flows call.",
    ),
    tables: resources(RESOURCES.table.schema, "tables").describe("Tables with typed columns."),
    keystores: resources(RESOURCES.keystore.schema, "keystores").describe("Stores of values by key."),
    webhooks: resources(RESOURCES.webhook.schema, "webhooks").describe(
      "URLs that take other systems' notifications.",
    ),
    events: resources(RESOURCES.event.schema, "events").describe("Events that workflows register for."),
    interfaces: resources(RESOURCES.interface.schema, "interfaces").describe(
      "Registered client applications of the v1 API.",
    ),
    mappedFields: resources(RESOURCES.mappedField.schema, "mappedFields").describe(
      "Names for places in data records, by which they can be searched.",
    ),
    websites: resources(RESOURCES.website.schema, "websites").describe(
      "Websites that the environment serves.",
    ),
  })
  .meta({ id: "Bundle" });
export type Bundle = z.output<typeof Bundle>;
