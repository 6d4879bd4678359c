import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { logError } from "../domain/operator-log";
import { timePrefix } from "../domain/process-id";
import type { CredentialKind } from "./authenticate-admin";

/** The audit trail: who changed what, when, from where, and what came of it. Rows are added, never changed. */

/** Characters of a target and of details that are kept. */
const MAX_TARGET_CHARS = 500;
const MAX_DETAIL_CHARS = 4_000;

/** `done`; `denied`: he may not; `failed`: refused for another reason. `unknown`: the Worker ended before it was written. */
export const AUDIT_OUTCOMES = ["done", "denied", "failed", "unknown"] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

export interface AuditEntry {
  /** Begins with its time, so that entries sort by time. */
  id: string;
  organizationId: number;
  environmentId: number;
  at: number;
  user: string;
  credential: CredentialKind | "none";
  keyId: string | null;
  /** The operation's id, as in `/openapi.json`. */
  action: string;
  method: string;
  /** The path that was called. */
  target: string;
  /** The client's address, as the platform tells it. */
  client: string;
  requestId: string;
}

export interface AuditRecord extends AuditEntry {
  outcome: AuditOutcome;
  /** The answer's status; null while it is not known. */
  status: number | null;
  details: Record<string, unknown> | null;
}

export interface AuditFilter {
  user?: string | undefined;
  action?: string | undefined;
  /** Milliseconds since 1970; at or after, and before. */
  from?: number | undefined;
  to?: number | undefined;
}

export interface AuditTrail {
  begin(entry: AuditEntry): Promise<void>;
  end(
    id: string,
    outcome: Exclude<AuditOutcome, "unknown">,
    status: number,
    details: string | null,
  ): Promise<void>;
  /** Newest first. `after` is the id of the last entry of the page before. */
  list(
    organizationId: number,
    filter: AuditFilter,
    limit: number,
    after: string | undefined,
  ): Promise<AuditRecord[]>;
}

/** Whoever and whatever an entry is about. */
export type AuditSubject = Omit<AuditEntry, "id" | "at" | "organizationId" | "environmentId">;

/**
 * Writes down that something is about to be changed. A change without it is not made.
 * @returns the entry's id
 * @throws SluiceError unavailable
 */
export async function beginAudit(
  trail: AuditTrail,
  { id: environmentId, organizationId }: Environment,
  subject: AuditSubject,
  at: number,
): Promise<string> {
  const id = `${timePrefix(at)}${crypto.randomUUID().replaceAll("-", "").slice(0, 20)}`;
  const target = subject.target.slice(0, MAX_TARGET_CHARS);
  try {
    await trail.begin({ ...subject, id, at, organizationId, environmentId, target });
  } catch (cause) {
    throw new SluiceError(
      "unavailable",
      "The audit trail cannot be written now, so nothing was changed.",
      { retryAfter: 5 },
      { cause },
    );
  }
  return id;
}

/** Writes down what came of it. Should that fail, the entry stays, with an unknown outcome. */
export async function endAudit(
  trail: AuditTrail,
  id: string,
  status: number,
  details: Record<string, unknown> | undefined,
): Promise<void> {
  const outcome = status < 400 ? "done" : status === 401 || status === 403 ? "denied" : "failed";
  try {
    await trail.end(id, outcome, status, detailText(details));
  } catch (error) {
    // The change is made and its caller is told so.
    logError("the outcome of an audited change was not written", error, { entry: id, status });
  }
}

function detailText(details: Record<string, unknown> | undefined): string | null {
  if (details === undefined) return null;
  const text = JSON.stringify(details);
  return text.length <= MAX_DETAIL_CHARS
    ? text
    : JSON.stringify({ cut: text.slice(0, MAX_DETAIL_CHARS - 100) });
}

const CURSOR = /^[0-9a-z]{9}[0-9a-f]{20}$/;

export async function listAudit(
  trail: AuditTrail,
  { organizationId }: Environment,
  filter: AuditFilter,
  limit: number,
  cursor: string | undefined,
): Promise<{ entries: AuditRecord[]; next: string | null }> {
  if (cursor !== undefined && !CURSOR.test(cursor)) {
    throw new SluiceError("invalid_request", "`cursor` is the `next` of the page before, as it was given.", {
      problems: [{ path: "cursor", reason: "not a cursor of this list" }],
    });
  }
  const rows = await trail.list(organizationId, filter, limit + 1, cursor);
  const entries = rows.slice(0, limit);
  return { entries, next: rows.length > limit ? (entries.at(-1)?.id ?? null) : null };
}
