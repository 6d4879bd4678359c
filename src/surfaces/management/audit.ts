import { createRoute, z } from "@hono/zod-openapi";
import { AUDIT_OUTCOMES, listAudit } from "../../operations/audit";
import { guarded, json, newRouter, security, time } from "./router";
import { Cursor, Page } from "./schemas";

/** The audit trail of the organization. */
export const audit = newRouter();

const AuditList = z
  .object({
    entries: z.array(
      z.object({
        id: z.string(),
        at: z.iso.datetime(),
        environmentId: z.number().int(),
        user: z.string().describe("`unknown` when no credential was right."),
        credential: z.enum(["admin-token", "access", "key", "none"]),
        keyId: z.string().nullable(),
        action: z.string().describe("The operation's id in this document."),
        method: z.string(),
        target: z.string().describe("The path that was called."),
        client: z
          .string()
          .describe("The address that the platform saw; no header of the client's is believed."),
        requestId: z.string(),
        outcome: z
          .enum(AUDIT_OUTCOMES)
          .describe(
            "`denied`: 401 or 403. `failed`: another refusal. `unknown`: it is not known what came of it.",
          ),
        status: z.number().int().nullable(),
        details: z.looseObject({}).nullable().describe("What was set; never a value that is secret."),
      }),
    ),
    next: Cursor,
  })
  .openapi("AuditList");

const AuditQuery = z.strictObject({
  user: z.string().max(200).optional(),
  action: z.string().max(200).optional(),
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: "At or after." }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: "Before." }),
  ...Page,
});

audit.openapi(
  createRoute({
    method: "get",
    path: "/audit",
    operationId: "listAudit",
    summary: "List the audit trail, newest first",
    description:
      "Every change over this API and every denied attempt at one. Who ran what is in the list of runs, whose `user` is the same name.",
    tags: ["Audit trail"],
    security,
    request: { query: AuditQuery },
    responses: { 200: json(AuditList, "A page of entries."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor, from, to, ...filter } = context.req.valid("query");
    const { entries, next } = await listAudit(
      context.get("management").audit,
      context.get("environment"),
      {
        ...filter,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
      },
      limit,
      cursor,
    );
    const onWire = entries.map(({ organizationId: _, at, ...entry }) => ({ ...entry, at: time(at) }));
    return context.json({ entries: onWire, next }, 200);
  },
);
