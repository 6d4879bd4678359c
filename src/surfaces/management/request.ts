import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { parseJson } from "../../domain/json";
import { MAX_SETTING_BYTES } from "../../domain/limits";
import { ProjectName } from "../../domain/names";
import { schemaProblems } from "../../domain/schema-problems";
import { decodeText } from "../../domain/text-encoding";
import { readBody } from "../../http/request-body";
import type { InterfaceServices } from "../../operations/access/interfaces";
import type { KeyServices } from "../../operations/access/keys";
import type { OrganizationServices } from "../../operations/access/organizations";
import type { AccountServices } from "../../operations/accounts";
import type { ApplyServices } from "../../operations/apply-project";
import type { AuditTrail } from "../../operations/audit";
import type { AdminAuthentication, Administrator } from "../../operations/authenticate-admin";
import type { WebhookServices } from "../../operations/receive-webhook";
import type { RecordServices } from "../../operations/records/start-records";
import type { RunServices } from "../../operations/runs";
import type { ScheduleServices } from "../../operations/schedules";
import type { SecretServices } from "../../operations/secrets";
import type { FileServices } from "../../operations/sites/files";

/** What the routes of this surface find in Hono's context. */
export interface ManagementVariables {
  Variables: {
    management: AccountServices &
      SecretServices &
      ApplyServices &
      RunServices &
      Pick<RecordServices, "recordRuns"> &
      ScheduleServices &
      WebhookServices &
      OrganizationServices &
      KeyServices &
      InterfaceServices &
      FileServices &
      AdminAuthentication & { audit: AuditTrail };
    adminToken: string | undefined;
    instance: string;
    /** Who is calling, once authenticated. */
    user: string;
    administrator: Administrator;
    environment: Environment;
    /** What the audit trail says of a change beside its target: names and settings, never a value that is secret. */
    audited: Record<string, unknown> | undefined;
  };
}

export type ManagementContext = Context<ManagementVariables>;

/** For the validators of routes: what they complain of is thrown, and rendered like every other error. */
export function throwInvalid(result: { success: boolean; error?: unknown }): void {
  if (!result.success) throw badParameters(result.error as z.ZodError);
}

export function badParameters(error: z.ZodError): SluiceError {
  const problems = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: key, reason: "there is no such parameter" }))
      : [{ path: issue.path.join("."), reason: issue.message }],
  );
  const [first] = problems;
  return new SluiceError("invalid_request", `${first?.path ?? "The request"}: ${first?.reason}.`, {
    problems,
  });
}

/** The parameters in the path, of routes that read their body themselves. */
export function readParams<T extends z.ZodType>(schema: T, context: ManagementContext): z.output<T> {
  const parsed = schema.safeParse(context.req.param());
  if (!parsed.success) throw badParameters(parsed.error);
  return parsed.data;
}

/** The query's parameters. One that is given twice is refused like one of a wrong type. */
export function readQuery<T extends z.ZodType>(schema: T, context: ManagementContext): z.output<T> {
  const given: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(context.req.queries())) {
    if (values.length > 1) {
      const reason = "give it once";
      throw new SluiceError("invalid_request", `${name}: ${reason}.`, { problems: [{ path: name, reason }] });
    }
    given[name] = values[0];
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw badParameters(parsed.error);
  return parsed.data;
}

/** A small JSON body, such as a setting's new value. @throws SluiceError with a JSON Pointer to everything wrong */
export async function readJson<T extends z.ZodType>(
  schema: T,
  context: ManagementContext,
): Promise<z.output<T>> {
  const type = context.req.header("content-type") ?? null;
  if (type !== null && !/^[^;]*(?:\/|\+)json[ \t]*(?:;|$)/i.test(type)) {
    throw new SluiceError("unsupported_media_type", "Send the body as application/json.");
  }
  const bytes = await readBody(context.req.raw as unknown as Request, MAX_SETTING_BYTES, "MAX_SETTING_BYTES");
  const parsed = schema.safeParse(parseJson(decodeText(bytes, type), "The body"));
  if (parsed.success) return parsed.data;
  const problems = schemaProblems(schema, parsed.error);
  const [first] = problems;
  throw new SluiceError(
    "invalid_request",
    `The body${first?.path ? `, at ${first.path}` : ""}: ${first?.reason}.`,
    {
      problems,
    },
  );
}

/** A project's name from the URL, as a new project's would have to be. */
export function readName(name: string): string {
  const parsed = ProjectName.safeParse(name);
  if (parsed.success) return parsed.data;
  const reason = parsed.error.issues[0]?.message ?? "is wrong";
  throw new SluiceError("invalid_request", `The project's name in the URL: ${reason}.`, {
    problems: [{ path: "project", reason }],
  });
}

/** Entity tags of an `If-Match` or `If-None-Match` header, weak ones as strong ones. */
export function entityTags(header: string | undefined): string[] | undefined {
  return header?.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
}
