import type { CredentialStore, InterfaceCredentials } from "../../operations/access/interfaces";

const COLUMNS = "client_id AS clientId, created_at AS createdAt, rotated_at AS rotatedAt";

export class D1InterfaceCredentials implements CredentialStore {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async find(environmentId: number, name: string): Promise<InterfaceCredentials | undefined> {
    const row = await this.#db
      .prepare(`SELECT ${COLUMNS} FROM interface_credentials WHERE environment_id = ?1 AND interface = ?2`)
      .bind(environmentId, name)
      .first<InterfaceCredentials>();
    return row ?? undefined;
  }

  async all(environmentId: number): Promise<ReadonlyMap<string, InterfaceCredentials>> {
    const { results } = await this.#db
      .prepare(`SELECT interface, ${COLUMNS} FROM interface_credentials WHERE environment_id = ?1`)
      .bind(environmentId)
      .all<InterfaceCredentials & { interface: string }>();
    return new Map(results.map(({ interface: name, ...credentials }) => [name, credentials]));
  }

  async put(
    environmentId: number,
    name: string,
    { clientId, clientSecretHash, appKeyHash, by, now }: Parameters<CredentialStore["put"]>[2],
  ): Promise<InterfaceCredentials> {
    // A first call has both hashes; later ones leave what they do not name.
    const row = await this.#db
      .prepare(
        `INSERT INTO interface_credentials
           (environment_id, interface, client_id, client_secret_hash, app_key_hash, created_by, created_at, rotated_at)
         SELECT ?1, ?2, COALESCE(c.client_id, ?3), COALESCE(?4, c.client_secret_hash), COALESCE(?5, c.app_key_hash), ?6, ?7, ?7
         FROM (SELECT 1) LEFT JOIN interface_credentials c ON c.environment_id = ?1 AND c.interface = ?2
         WHERE true
         ON CONFLICT (environment_id, interface) DO UPDATE SET client_secret_hash = excluded.client_secret_hash,
           app_key_hash = excluded.app_key_hash, rotated_at = excluded.rotated_at
         RETURNING ${COLUMNS}`,
      )
      .bind(environmentId, name, clientId, clientSecretHash ?? null, appKeyHash ?? null, by, now)
      .first<InterfaceCredentials>();
    if (row === null) throw new Error("an INSERT with RETURNING gave no row");
    return row;
  }

  async remove(environmentId: number, name: string): Promise<InterfaceCredentials | undefined> {
    const row = await this.#db
      .prepare(
        `DELETE FROM interface_credentials WHERE environment_id = ?1 AND interface = ?2 RETURNING ${COLUMNS}`,
      )
      .bind(environmentId, name)
      .first<InterfaceCredentials>();
    return row ?? undefined;
  }
}
