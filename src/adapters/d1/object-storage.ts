import type { StoringObjectAddress } from "../../domain/object-storage";
import type { ObjectStorage } from "../../operations/environments/ports";

/** What objects outside of the database keep, as they tell it. */
export class D1ObjectStorage implements ObjectStorage {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async tell({ environmentId, kind, name }: StoringObjectAddress, bytes: number): Promise<void> {
    const statement =
      bytes > 0
        ? this.#db
            .prepare(
              // What comes late of an environment that is going, or gone, is no longer written down.
              `INSERT INTO object_storage (environment_id, kind, name, bytes)
               SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM environment_details
                 WHERE environment_id = ?1 AND status IN ('deleting', 'deleted'))
               ON CONFLICT DO UPDATE SET bytes = excluded.bytes`,
            )
            .bind(environmentId, kind, name, bytes)
        : this.#db
            .prepare("DELETE FROM object_storage WHERE environment_id = ?1 AND kind = ?2 AND name = ?3")
            .bind(environmentId, kind, name);
    await statement.run();
  }
}
