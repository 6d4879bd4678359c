import type { KeyStore, KeySummary, NewKey } from "../../operations/access/keys";

const COLUMNS = `id, kind, name, hint, created_by AS createdBy, created_at AS createdAt, expires_at AS expiresAt,
  revoked_at AS revokedAt, last_used_at AS lastUsedAt`;

const TABLES = {
  organization_keys: "organization_id",
  event_tokens: "environment_id",
} as const;

/** Keys that an owner has, in one of the tables made for them. */
export class OwnedKeys<Kind extends string> implements KeyStore<Kind> {
  readonly #db: D1Database;
  readonly #table: keyof typeof TABLES;

  constructor(db: D1Database, table: keyof typeof TABLES) {
    this.#db = db;
    this.#table = table;
  }

  async list(ownerId: number, limit: number, after: number): Promise<KeySummary<Kind>[]> {
    const { results } = await this.#db
      .prepare(
        `SELECT ${COLUMNS} FROM ${this.#table} WHERE ${this.#owner} = ?1 AND id > ?2 ORDER BY id LIMIT ?3`,
      )
      .bind(ownerId, after, limit)
      .all<KeySummary<Kind>>();
    return results;
  }

  async create(
    ownerId: number,
    {
      kind,
      name,
      hash,
      hint,
      by,
      now,
      expiresAt,
    }: NewKey<Kind> & { hash: string; hint: string; now: number },
  ): Promise<KeySummary<Kind>> {
    const row = await this.#db
      .prepare(
        `INSERT INTO ${this.#table} (${this.#owner}, kind, name, hash, hint, created_by, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING ${COLUMNS}`,
      )
      .bind(ownerId, kind, name, hash, hint, by, now, expiresAt)
      .first<KeySummary<Kind>>();
    if (row === null) throw new Error("an INSERT with RETURNING gave no row");
    return row;
  }

  async revoke(ownerId: number, id: number, now: number): Promise<KeySummary<Kind> | undefined> {
    const row = await this.#db
      .prepare(
        `UPDATE ${this.#table} SET revoked_at = COALESCE(revoked_at, ?3)
         WHERE ${this.#owner} = ?1 AND id = ?2 RETURNING ${COLUMNS}`,
      )
      .bind(ownerId, id, now)
      .first<KeySummary<Kind>>();
    return row ?? undefined;
  }

  get #owner(): string {
    return TABLES[this.#table];
  }
}
