import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ProblemDetails } from "../../http/problem";
import { type ManagementVariables, throwInvalid } from "./request";

/** A router for the routes of one resource. */
export function newRouter(): OpenAPIHono<ManagementVariables> {
  return new OpenAPIHono<ManagementVariables>({ defaultHook: throwInvalid });
}

export const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: ProblemDetails } },
});

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

/** A JSON body that must be there. */
export const body = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { "application/json": { schema } },
});

export const security = [{ adminToken: [] }];

/** Answers that every route may give. */
export const guarded = {
  400: problem("A parameter is wrong."),
  401: problem("The administrator's token is missing or wrong."),
  403: problem("The user of the key may not do this."),
  429: problem("Too many attempts with wrong credentials from this address; `Retry-After`."),
  503: problem("The deployment has no administrator's token, or a wrong setting."),
};

/** For routes without parameters in the query: one that is given all the same is a mistake that should be told. */
export const NoQuery = z.strictObject({});

export const time = (ms: number): string => new Date(ms).toISOString();
