import { z } from "zod";

/**
 * As much of an OpenAPI 3 document as an integration is made of. Lenient on purpose: published documents hold mistakes
 * and extensions, and what is not read here may be what it likes.
 */

const Ref = z.object({ $ref: z.string() });
const text = z.string().optional().catch(undefined);

const Server = z.object({
  url: z.string(),
  variables: z
    .record(z.string(), z.object({ default: z.coerce.string() }))
    .optional()
    .catch(undefined),
});
export type OpenApiServer = z.output<typeof Server>;

const Requirement = z.record(z.string(), z.array(z.string()).catch([]));
const servers = z.array(Server).optional().catch(undefined);
const parameters = z.array(z.unknown()).optional().catch(undefined);

export const OpenApiParameter = z.object({
  name: z.string(),
  in: z.string(),
  required: z.boolean().optional().catch(undefined),
  description: text,
  schema: z.unknown().optional(),
});

/** As much of a schema as calls are checked by. */
export const OpenApiSchema = z.object({
  type: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .catch(undefined),
  enum: z.array(z.unknown()).optional().catch(undefined),
  required: z.array(z.string()).optional().catch(undefined),
  properties: z.record(z.string(), z.unknown()).optional().catch(undefined),
  allOf: z.array(z.unknown()).optional().catch(undefined),
});

/** One kind of content of a body. */
export const OpenApiMediaType = z.object({ schema: z.unknown().optional() });

export const OpenApiOperation = z.object({
  operationId: text,
  summary: text,
  description: text,
  parameters,
  requestBody: z.unknown().optional(),
  security: z.array(Requirement).optional().catch(undefined),
  servers,
});
export type OpenApiOperation = z.output<typeof OpenApiOperation>;

export const OpenApiPath = z.looseObject({ parameters, servers });

export const OpenApiBody = z.object({
  content: z.record(z.string(), z.unknown()).default({}),
  required: z.boolean().optional().catch(undefined),
});

export const OpenApiSecurityScheme = z.object({
  type: z.string(),
  scheme: text,
  in: text,
  name: text,
  flows: z
    .object({
      clientCredentials: z
        .object({ tokenUrl: z.string(), scopes: z.record(z.string(), z.unknown()).default({}) })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});
export type OpenApiSecurityScheme = z.output<typeof OpenApiSecurityScheme>;

export const OpenApiDocument = z.looseObject({
  openapi: z.string().optional(),
  swagger: z.unknown().optional(),
  info: z.object({ title: text, description: text }).default({ title: undefined, description: undefined }),
  servers,
  security: z.array(Requirement).optional().catch(undefined),
  paths: z.record(z.string(), z.unknown()).default({}),
  components: z
    .looseObject({ securitySchemes: z.record(z.string(), z.unknown()).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});
export type OpenApiDocument = z.output<typeof OpenApiDocument>;

/** References that lead to references: surely a circle. */
const MAX_REFERENCES = 20;

/** What a reference within the document stands for; `undefined` when it leads nowhere, in a circle or outside. */
export function dereferenced(document: unknown, value: unknown): unknown {
  let found = value;
  for (let hop = 0; hop < MAX_REFERENCES; hop += 1) {
    const reference = Ref.safeParse(found);
    if (!reference.success) return found;
    const { $ref } = reference.data;
    if (!$ref.startsWith("#/")) return undefined;
    found = document;
    for (const step of $ref.slice(2).split("/")) {
      let name: string;
      try {
        name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      } catch {
        return undefined;
      }
      if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
      found = (found as Record<string, unknown>)[name];
    }
  }
  return undefined;
}
