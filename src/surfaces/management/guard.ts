import type { MiddlewareHandler } from "hono";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import { requestId } from "../../http/request-id";
import { chosenEnvironment } from "../../operations/access/organizations";
import { type AuditSubject, beginAudit, endAudit } from "../../operations/audit";
import {
  type Administrator,
  authenticateAdmin,
  authorizeAdmin,
  isSafe,
} from "../../operations/authenticate-admin";
import type { ManagementContext, ManagementVariables } from "./request";

/** Where this surface is mounted. */
export const BASE = "/admin/v1";

/** An operation of the OpenAPI document, and the paths it answers at. */
export interface Operation {
  id: string;
  method: string;
  pattern: RegExp;
}

/**
 * Before every route: who calls, whether he may, and for whatever may change something an entry in the audit trail, first
 * that it is going to be tried and then what came of it. Denied attempts are entries, too.
 */
export function guard(operations: () => readonly Operation[]): MiddlewareHandler<ManagementVariables> {
  return async (context, next) => {
    const services = context.get("management");
    const { method } = context.req;
    const { pathname, hostname } = new URL(context.req.url);
    const home = await services.catalog.environment(hostname);
    // Whether the environment that is asked for exists is told to those who may know.
    const chosen = await environmentOf(context, home).catch((error: unknown) => error);
    const environment = chosen instanceof Error ? home : (chosen as Environment);
    const id = requestId(context.req.raw.headers as unknown as Headers);
    const subject: AuditSubject = {
      ...NOBODY,
      action:
        operations().find((operation) => operation.method === method && operation.pattern.test(pathname))
          ?.id ?? `${method} ${pathname}`.slice(0, 200),
      method,
      target: pathname,
      client: clientOf(context),
      requestId: id,
    };
    const begin = (by: Partial<AuditSubject>) =>
      beginAudit(services.audit, environment, { ...subject, ...by }, services.world.now());

    let administrator: Administrator;
    try {
      const headers = context.req.raw.headers as unknown as Headers;
      administrator = await authenticateAdmin(services, headers, subject.client, environment);
    } catch (error) {
      // A wrong credential is an attempt, which the guard against guessing keeps few; none at all is not.
      if (isDenial(error) && context.req.header("authorization") !== undefined)
        await endAudit(services.audit, await begin({}), statusOf(error), undefined);
      throw error;
    }
    if (chosen instanceof Error) throw chosen;
    const { user, credential, keyId } = administrator;
    context.set("user", user);
    context.set("administrator", administrator);
    context.set("environment", environment);
    try {
      authorizeAdmin(administrator, method, pathname.slice(BASE.length));
    } catch (error) {
      await endAudit(services.audit, await begin({ user, credential, keyId }), statusOf(error), undefined);
      throw error;
    }
    if (isSafe(method)) await next();
    else {
      const entry = await begin({ user, credential, keyId });
      await next();
      await endAudit(services.audit, entry, context.res.status, context.get("audited"));
    }
    if (context.res.headers.has("x-request-id")) return;
    context.res.headers.set("cache-control", "no-store");
    context.res.headers.set("x-request-id", id);
  };
}

const NOBODY = { user: "unknown", credential: "none", keyId: null } as const;

/** The address that the platform saw. What a client says of itself (X-Forwarded-For) is not looked at. */
function clientOf(context: ManagementContext): string {
  return (context.req.header("cf-connecting-ip") ?? "unknown").slice(0, 100);
}

function isDenial(error: unknown): boolean {
  return error instanceof SluiceError && (error.code === "unauthenticated" || error.code === "forbidden");
}

function statusOf(error: unknown): number {
  return error instanceof SluiceError && error.code === "forbidden" ? 403 : 401;
}

/**
 * Whose projects and data a call is about: the environment whose id `X-Environment` says, else the one of the host name.
 * @throws SluiceError invalid_request, not_found
 */
async function environmentOf(context: ManagementContext, home: Environment): Promise<Environment> {
  const chosen = context.req.header("x-environment")?.trim();
  if (chosen === undefined || chosen === "") return home;
  if (!/^[1-9]\d{0,14}$/.test(chosen)) {
    const reason = "it is the id of an environment, a whole number";
    throw new SluiceError("invalid_request", `X-Environment: ${reason}.`, {
      problems: [{ path: "X-Environment", reason }],
    });
  }
  return chosenEnvironment(context.get("management"), Number(chosen));
}
