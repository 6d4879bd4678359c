import { z } from "@hono/zod-openapi";
import { FLOW_STATES } from "../../domain/flow-address";
import { MAX_PAGE } from "../../domain/limits";
import { MESSAGE_LEVELS, RUN_STATUSES, TRIGGER_KINDS } from "../../domain/run";

/** Shapes on the wire of the management API. Times are RFC 3339, ids of projects and flows stable integers. */

const Time = z.iso.datetime();
export const Cursor = z
  .string()
  .nullable()
  .describe("Give it as `cursor` for the next page; null on the last one.");

export const ProjectList = z
  .object({
    projects: z.array(
      z.object({
        id: z.number().int(),
        name: z.string(),
        description: z.string().nullable(),
        version: z.number().int(),
        flows: z.number().int(),
        updatedAt: Time,
      }),
    ),
    next: Cursor,
  })
  .openapi("ProjectList");

export const ApplyReport = z
  .object({
    project: z.string(),
    version: z.number().int().describe("The project's version after the change."),
    changed: z.boolean().describe("False when the project was so already."),
    published: z.boolean(),
    dryRun: z.boolean(),
    flows: z.object({
      created: z.array(z.string()),
      updated: z.array(z.string()),
      restored: z.array(z.string()).describe("Retired before, and back again."),
      retired: z
        .array(z.string())
        .describe("No longer in the bundle: kept with their history, closed to calls."),
      unchanged: z.number().int(),
    }),
    resources: z
      .record(
        z.string(),
        z.object({
          created: z.array(z.string()),
          updated: z.array(z.string()),
          removed: z.array(z.string()),
          unchanged: z.number().int(),
          changes: z.array(z.string()).optional().describe("Of tables: what happens to them, a line each."),
        }),
      )
      .describe(
        "Tables, keystores, integrations …, by kind; only kinds of which there is something to tell.",
      ),
    warnings: z
      .array(z.object({ path: z.string(), reason: z.string(), nearest: z.string().optional() }))
      .optional()
      .describe(
        "What was asked for and had no effect: names in `drop` that nothing is lost of. Absent when there are none.",
      ),
  })
  .openapi("ApplyReport");

export const FlowList = z
  .object({
    flows: z.array(
      z.object({
        id: z.number().int(),
        name: z.string(),
        status: z.enum(FLOW_STATES),
        currentVersion: z.number().int().nullable(),
        draftVersion: z.number().int().nullable(),
        retired: z.boolean(),
        updatedAt: Time,
      }),
    ),
  })
  .openapi("FlowList");

export const VersionList = z
  .object({
    versions: z.array(
      z.object({
        version: z.number().int(),
        state: z.enum(["draft", "published"]),
        current: z.boolean(),
        hash: z.string(),
        createdBy: z.string(),
        createdAt: Time,
        publishedAt: Time.nullable(),
      }),
    ),
    next: Cursor,
  })
  .openapi("VersionList");

const RunFields = {
  id: z.string().describe("The process id."),
  projectId: z.number().int(),
  project: z.string(),
  flowId: z.number().int(),
  flow: z.string(),
  flowVersion: z.number().int(),
  trigger: z.enum(TRIGGER_KINDS),
  user: z.string(),
  startedAt: Time,
  endedAt: Time.nullable(),
  status: z.enum(RUN_STATUSES),
  message: z.string().nullable(),
};

export const RunList = z
  .object({ runs: z.array(z.object({ ...RunFields, messageCount: z.number().int() })), next: Cursor })
  .openapi("RunList");

const Progress = z
  .object({
    done: z
      .number()
      .int()
      .describe("Nodes of the flow that have finished; one that is not needed never does."),
    of: z.number().int(),
    current: z.string().nullable().describe("The node that executes or waits."),
  })
  .openapi("RunProgress");

const Waiting = z
  .array(
    z.object({
      node: z.string(),
      url: z.string().describe("Where the run is called back, once. Who has it can answer."),
      about: z.string().nullable(),
      expiresAt: Time,
    }),
  )
  .optional()
  .describe("The callbacks that the run waits for.");

export const RunState = z
  .object({ ...RunFields, progress: Progress, nextWakeAt: Time.nullable(), waiting: Waiting })
  .openapi("RunState");

export const RerunBody = z.strictObject({
  from: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      "The node to begin at: the steps of nodes that do not depend on it are kept. Everything runs when not given.",
    ),
});

export const RunDetails = z
  .object({
    ...RunFields,
    progress: Progress.optional().describe("Of a durable run that has not ended."),
    nextWakeAt: Time.nullable().optional().describe("When a run that waits goes on."),
    waiting: Waiting,
    messages: z.array(
      z.object({
        at: Time,
        level: z.enum(MESSAGE_LEVELS),
        node: z.string().optional(),
        record: z.number().int().optional().describe("Index of the input record it is about."),
        text: z.string(),
        textLength: z.number().int().optional().describe("Characters of the whole text, when it was cut."),
        details: z.string().optional(),
        detailsLength: z
          .number()
          .int()
          .optional()
          .describe("Characters of the whole details, when they were cut."),
      }),
    ),
  })
  .openapi("Run");

const PAGE_DEFAULT = 50;
const PAGE_RULE = `write a whole number from 1 to ${MAX_PAGE}`;

export const Page = {
  limit: z.coerce
    .number({ error: PAGE_RULE })
    .int(PAGE_RULE)
    .min(1, PAGE_RULE)
    .max(MAX_PAGE, PAGE_RULE)
    .default(PAGE_DEFAULT)
    .openapi({ description: `Entries of a page, 1 to ${MAX_PAGE}.` }),
  cursor: z.string().max(300).optional().openapi({ description: "`next` of the page before." }),
};

export const Flag = z
  .enum(["true", "false", ""], { error: "write true or false" })
  .transform((value) => value !== "false");

export const ProjectParams = z.object({
  project: z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name: "project", in: "path" }, example: "demo" }),
});
export const FlowParams = ProjectParams.extend({
  flow: z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name: "flow", in: "path" }, example: "countries" }),
});

export const ApplyQuery = z.strictObject({
  dryRun: Flag.optional().openapi({ description: "Only say what would change." }),
  publish: Flag.optional().openapi({
    description: "`false` stores drafts; what calls run stays as it is. Default `true`.",
  }),
  drop: z.string().max(10_000).optional().openapi({
    description:
      "What may be lost, by name, separated by commas: `table:users`, `column:users.email`, `keystore:weather`.",
  }),
});

export const ExportQuery = z.strictObject({
  draft: Flag.optional().openapi({
    description: "Drafts, where there are any, instead of current versions.",
  }),
  format: z.enum(["json", "yaml"]).optional().openapi({ description: "Overrides `Accept`." }),
});

export const RunQuery = z.strictObject({
  project: z.string().max(100).optional(),
  flow: z.string().max(100).optional(),
  status: z.enum(RUN_STATUSES).optional(),
  trigger: z.enum(TRIGGER_KINDS).optional(),
  user: z.string().max(200).optional(),
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: "Started at or after." }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: "Started before." }),
  ...Page,
});
