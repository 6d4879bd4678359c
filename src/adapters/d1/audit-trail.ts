import { timePrefix } from "../../domain/process-id";
import type { AuditEntry, AuditFilter, AuditOutcome, AuditRecord, AuditTrail } from "../../operations/audit";

interface Row {
  id: string;
  organization_id: number;
  environment_id: number;
  at: number;
  user_name: string;
  credential: AuditEntry["credential"];
  key_id: string | null;
  action: string;
  method: string;
  target: string;
  client: string;
  request_id: string;
  outcome: AuditOutcome | null;
  status: number | null;
  details: string | null;
}

/** The audit trail in D1, whose triggers refuse to change or delete a row. */
export class D1AuditTrail implements AuditTrail {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async begin(entry: AuditEntry): Promise<void> {
    await this.#db
      .prepare(
        `INSERT INTO audit_log (id, organization_id, environment_id, at, user_name, credential, key_id, action, method, target,
           client, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`,
      )
      .bind(
        entry.id,
        entry.organizationId,
        entry.environmentId,
        entry.at,
        entry.user,
        entry.credential,
        entry.keyId,
        entry.action,
        entry.method,
        entry.target,
        entry.client,
        entry.requestId,
      )
      .run();
  }

  async end(id: string, outcome: AuditOutcome, status: number, details: string | null): Promise<void> {
    await this.#db
      .prepare("INSERT INTO audit_outcomes (audit_id, outcome, status, details) VALUES (?1, ?2, ?3, ?4)")
      .bind(id, outcome, status, details)
      .run();
  }

  async list(
    organizationId: number,
    filter: AuditFilter,
    limit: number,
    after: string | undefined,
  ): Promise<AuditRecord[]> {
    const conditions = ["l.organization_id = ?1"];
    const values: unknown[] = [organizationId];
    const where = (condition: string, value: unknown): void => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition.replace("?", `?${values.length}`));
    };
    where("l.user_name = ?", filter.user);
    where("l.action = ?", filter.action);
    // Ids begin with their time, so times are ranges of them.
    where("l.id >= ?", filter.from === undefined ? undefined : timePrefix(filter.from));
    where("l.id < ?", filter.to === undefined ? undefined : timePrefix(filter.to));
    where("l.id < ?", after);
    values.push(limit);
    // By name: without statistics SQLite takes the primary key, and reads past everything that is not asked for.
    const index =
      filter.user !== undefined
        ? "audit_log_by_user"
        : filter.action !== undefined
          ? "audit_log_by_action"
          : "audit_log_by_time";
    const { results } = await this.#db
      .prepare(
        `SELECT l.*, o.outcome, o.status, o.details FROM audit_log l INDEXED BY ${index}
         LEFT JOIN audit_outcomes o ON o.audit_id = l.id
         WHERE ${conditions.join(" AND ")} ORDER BY l.id DESC LIMIT ?${values.length}`,
      )
      .bind(...values)
      .all<Row>();
    return results.map(recordOf);
  }
}

function recordOf(row: Row): AuditRecord {
  return {
    id: row.id,
    organizationId: row.organization_id,
    environmentId: row.environment_id,
    at: row.at,
    user: row.user_name,
    credential: row.credential,
    keyId: row.key_id,
    action: row.action,
    method: row.method,
    target: row.target,
    client: row.client,
    requestId: row.request_id,
    outcome: row.outcome ?? "unknown",
    status: row.status,
    details: row.details === null ? null : (JSON.parse(row.details) as Record<string, unknown>),
  };
}
