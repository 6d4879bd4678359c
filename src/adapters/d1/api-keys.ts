import type { KeyStanding } from "../../domain/identity";
import type { KeyStore, NewKey, StoredKey } from "../../operations/identity-ports";
import { BUMP_IDENTITY, type Epoch, epochAfter } from "./identity-epoch";

interface KeyRow {
  id: string;
  name: string;
  kid: string;
  created_at: number;
  created_by: string;
  not_before: number | null;
  expires_at: number | null;
  revoked_at: number | null;
  revoked_by: string | null;
  last_used_at: number | null;
}

interface StandingRow {
  user_id: number;
  name: string;
  enabled: number;
  revoked_at: number | null;
  last_used_at: number | null;
  groups: string;
  privileges: string;
}

const COLUMNS =
  "id, name, kid, created_at, created_by, not_before, expires_at, revoked_at, revoked_by, last_used_at";

/** Keys of users in D1, and what they stand for. */
export class D1ApiKeys implements KeyStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async list(userId: number, limit: number, after: string | undefined): Promise<StoredKey[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT ${COLUMNS} FROM api_keys WHERE user_id = ?1 AND (?2 IS NULL OR (created_at, id) <
           (SELECT created_at, id FROM api_keys WHERE id = ?2 AND user_id = ?1)) ORDER BY created_at DESC, id DESC LIMIT ?3`,
      )
      .bind(userId, after ?? null, limit)
      .all<KeyRow>();
    return results.map(keyOf);
  }

  async find(userId: number, id: string): Promise<StoredKey | undefined> {
    const row = await this.#db
      .prepare(`SELECT ${COLUMNS} FROM api_keys WHERE user_id = ?1 AND id = ?2`)
      .bind(userId, id)
      .first<KeyRow>();
    return row === null ? undefined : keyOf(row);
  }

  async add(key: NewKey, most: number): Promise<boolean> {
    const { results } = await this.#db
      .prepare(
        `INSERT INTO api_keys (id, organization_id, user_id, name, kid, created_at, created_by, not_before, expires_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
         WHERE (SELECT count(*) FROM api_keys WHERE user_id = ?3 AND revoked_at IS NULL) < ?10 RETURNING id`,
      )
      .bind(
        key.id,
        key.organizationId,
        key.userId,
        key.name,
        key.kid,
        key.createdAt,
        key.createdBy,
        key.notBefore,
        key.expiresAt,
        most,
      )
      .all();
    return results.length > 0;
  }

  async revoke(organizationId: number, userId: number, id: string, by: string, at: number) {
    const results = await this.#db.batch<Epoch>([
      this.#db
        .prepare(
          `UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?5), revoked_by = coalesce(revoked_by, ?4)
           WHERE organization_id = ?1 AND user_id = ?2 AND id = ?3 RETURNING id`,
        )
        .bind(organizationId, userId, id, by, at),
      this.#db.prepare(BUMP_IDENTITY).bind(organizationId),
    ]);
    return epochAfter(results);
  }

  /** How a key stands, its user's groups and privileges included; `undefined` when there is no such key. */
  async standing(organizationId: number, keyId: string): Promise<KeyStanding | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT u.id AS user_id, u.name, u.enabled, k.revoked_at, k.last_used_at,
           (SELECT json_group_array(g.name) FROM group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = u.id) AS groups,
           (SELECT json_group_array(DISTINCT p.privilege) FROM group_members m JOIN group_roles x ON x.group_id = m.group_id
             JOIN role_privileges p ON p.role_id = x.role_id WHERE m.user_id = u.id) AS privileges
         FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = ?2 AND k.organization_id = ?1`,
      )
      .bind(organizationId, keyId)
      .first<StandingRow>();
    if (row === null) return undefined;
    return {
      keyId,
      userId: row.user_id,
      user: row.name,
      enabled: row.enabled === 1,
      revoked: row.revoked_at !== null,
      groups: JSON.parse(row.groups) as string[],
      privileges: JSON.parse(row.privileges) as string[],
      lastUsedAt: row.last_used_at,
    };
  }

  async epoch(organizationId: number): Promise<number> {
    const row = await this.#db
      .prepare("SELECT identity_epoch FROM organizations WHERE id = ?1")
      .bind(organizationId)
      .first<Epoch>();
    return row?.identity_epoch ?? 0;
  }

  /** Notes when keys were last used. A time that is not newer changes nothing. */
  async touch(uses: ReadonlyMap<string, number>): Promise<void> {
    await this.#db
      .prepare(
        `UPDATE api_keys SET last_used_at = j.value
         FROM json_each(?1) j WHERE api_keys.id = j.key AND coalesce(api_keys.last_used_at, 0) < j.value`,
      )
      .bind(JSON.stringify(Object.fromEntries(uses)))
      .run();
  }
}

function keyOf(row: KeyRow): StoredKey {
  return {
    id: row.id,
    name: row.name,
    kid: row.kid,
    createdAt: row.created_at,
    createdBy: row.created_by,
    notBefore: row.not_before,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    lastUsedAt: row.last_used_at,
  };
}
