import type { DroppedKeystores } from "../../operations/clear-dropped-keystores";

/** Keystores looked at together: each is a call to its owner. */
const MAX_AT_ONCE = 100;

/** Dropped keystores as rows of D1, written where the bundle is applied. */
export class D1DroppedKeystores implements DroppedKeystores {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async list(environmentId: number): Promise<number[]> {
    const { results } = await this.#db
      .prepare("SELECT keystore_id FROM dropped_keystores WHERE environment_id = ?1 LIMIT ?2")
      .bind(environmentId, MAX_AT_ONCE)
      .all<{ keystore_id: number }>();
    return results.map(({ keystore_id }) => keystore_id);
  }

  async forget(environmentId: number, id: number): Promise<void> {
    await this.#db
      .prepare("DELETE FROM dropped_keystores WHERE environment_id = ?1 AND keystore_id = ?2")
      .bind(environmentId, id)
      .run();
  }
}
