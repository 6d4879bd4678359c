import { z } from "@hono/zod-openapi";
import { EventParameter } from "../../domain/event";
import type { Json } from "../../domain/json";

/** Body of `POST /workflow/run`, and of its answer (seed: Run Workflow). */
export const RunWorkflowRequest = z
  .object({
    id: z
      .number()
      .int()
      .nullish()
      .describe(
        "The workflow's id, where the caller manages it; else it is found by `eventHandle` and `params`.",
      ),
    eventHandle: z.string().min(1).max(100).nullish().describe("The handle of the event."),
    draft: z.boolean().nullish().describe("Run against the draft version. Default false."),
    params: z
      .array(z.object({ key: z.string().min(1).max(100), value: EventParameter }))
      .max(100)
      .nullish()
      .describe("Key/value pairs that are used to uniquely identify a workflow."),
    objects: z
      .record(
        z.string(),
        z.unknown().transform((value) => value as Json),
      )
      .describe("Object handles and their values; the answer has them as the workflow left them."),
  })
  .openapi("RunWorkflowRequest");
export type RunWorkflowRequest = z.output<typeof RunWorkflowRequest>;

/** A failure on this surface; the seed documents none of its own. */
export const EventFailure = z
  .object({
    code: z.string(),
    message: z.string().describe("What to change."),
    errors: z
      .array(z.object({ path: z.string(), message: z.string(), nearest: z.string().optional() }))
      .optional(),
    processId: z.string().optional().describe("The run that failed."),
  })
  .openapi("EventFailure");
