import { MAX_SECRETS } from "../../domain/limits";
import type { MaybePromise } from "../../engine/maybe-promise";
import type { Secrets } from "../../engine/secret-port";
import type { SecretNames, SecretSummary, SecretVault } from "../../operations/secrets";
import { BoundedCache } from "../bounded-cache";
import type { SecretCipher } from "../secret-cipher";

/** Milliseconds for which an isolate uses a secret without looking again; a change through the same isolate drops it at once. */
const MAX_AGE_MS = 10_000;
/** Characters of values that an isolate holds in clear. */
const MAX_CHARS = 1_000_000;
/** Rows that are encrypted anew at a time. */
const RESEAL_ROWS = 100;

interface Row {
  name: string;
  key_id: string;
  created_at: number;
  updated_at: number;
  updated_by: string;
}

interface Known {
  value: string | undefined;
  at: number;
}

const COLUMNS = "name, key_id, created_at, updated_at, updated_by";

/** Secrets in D1, encrypted; in clear only in the isolate that uses them, for a short time. */
export class D1SecretVault implements SecretVault, SecretNames, Secrets {
  readonly #db: D1Database;
  readonly #cipher: SecretCipher;
  readonly #now: () => number;
  readonly #known = new BoundedCache<Known>(MAX_CHARS);

  constructor(db: D1Database, cipher: SecretCipher, now: () => number) {
    this.#db = db;
    this.#cipher = cipher;
    this.#now = now;
  }

  get(environmentId: number, name: string): MaybePromise<string | undefined> {
    const known = this.#known.get(`${environmentId}/${name}`);
    if (known !== undefined && this.#now() - known.at < MAX_AGE_MS) return known.value;
    return this.#load(environmentId, name);
  }

  async names(environmentId: number): Promise<ReadonlySet<string>> {
    const { results } = await this.#db
      .prepare("SELECT name FROM secrets WHERE environment_id = ?1 LIMIT ?2")
      .bind(environmentId, MAX_SECRETS)
      .all<{ name: string }>();
    return new Set(results.map(({ name }) => name));
  }

  async list(environmentId: number, limit: number, after: string | undefined): Promise<SecretSummary[]> {
    this.#cipher.requireKey();
    const { results } = await this.#db
      .prepare(
        `SELECT ${COLUMNS} FROM secrets WHERE environment_id = ?1 AND name > ?2 ORDER BY name LIMIT ?3`,
      )
      .bind(environmentId, after ?? "", limit)
      .all<Row>();
    return results.map((row) => this.#summary(row));
  }

  async find(environmentId: number, name: string): Promise<SecretSummary | undefined> {
    this.#cipher.requireKey();
    const row = await this.#db
      .prepare(`SELECT ${COLUMNS} FROM secrets WHERE environment_id = ?1 AND name = ?2`)
      .bind(environmentId, name)
      .first<Row>();
    return row === null ? undefined : this.#summary(row);
  }

  async put(
    environmentId: number,
    { name, value, by, at }: { name: string; value: string; by: string; at: number },
  ): Promise<"created" | "changed" | "full"> {
    const { keyId, sealed } = await this.#cipher.seal(environmentId, name, value);
    const [, written] = await this.#db.batch<{ created_at: number }>([
      this.#db
        .prepare(
          `UPDATE secrets SET key_id = ?3, sealed = ?4, updated_at = ?5, updated_by = ?6
           WHERE environment_id = ?1 AND name = ?2`,
        )
        .bind(environmentId, name, keyId, sealed, at, by),
      this.#db
        .prepare(
          `INSERT INTO secrets (environment_id, name, key_id, sealed, created_at, updated_at, updated_by)
           SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?6 WHERE (SELECT count(*) FROM secrets WHERE environment_id = ?1) < ?7
           ON CONFLICT DO NOTHING RETURNING created_at`,
        )
        .bind(environmentId, name, keyId, sealed, at, by, MAX_SECRETS),
    ]);
    this.#known.set(`${environmentId}/${name}`, { value: undefined, at: Number.NEGATIVE_INFINITY });
    if ((written?.results.length ?? 0) > 0) return "created";
    return (await this.find(environmentId, name)) === undefined ? "full" : "changed";
  }

  async remove(environmentId: number, name: string): Promise<boolean> {
    this.#cipher.requireKey();
    const { results } = await this.#db
      .prepare("DELETE FROM secrets WHERE environment_id = ?1 AND name = ?2 RETURNING name")
      .bind(environmentId, name)
      .all();
    this.#known.set(`${environmentId}/${name}`, { value: undefined, at: Number.NEGATIVE_INFINITY });
    return results.length > 0;
  }

  async reseal(): Promise<{ resealed: number; unreadable: number }> {
    const { keyId: current } = this.#cipher;
    let resealed = 0;
    let unreadable = 0;
    let after = { environment_id: 0, name: "" };
    for (;;) {
      const { results } = await this.#db
        .prepare(
          `SELECT environment_id, name, key_id, sealed FROM secrets
           WHERE key_id <> ?1 AND (environment_id, name) > (?2, ?3) ORDER BY environment_id, name LIMIT ${RESEAL_ROWS}`,
        )
        .bind(current, after.environment_id, after.name)
        .all<{ environment_id: number; name: string; key_id: string; sealed: string }>();
      const last = results.at(-1);
      if (last === undefined) return { resealed, unreadable };
      after = last;
      const statements: D1PreparedStatement[] = [];
      for (const row of results) {
        const stored = { keyId: row.key_id, sealed: row.sealed };
        const value = await this.#cipher.open(row.environment_id, row.name, stored).catch(() => undefined);
        if (value === undefined) {
          unreadable += 1;
          continue;
        }
        const { keyId, sealed } = await this.#cipher.seal(row.environment_id, row.name, value);
        // Only what is still as it was read: somebody may have set another value meanwhile.
        const change = this.#db.prepare(
          "UPDATE secrets SET key_id = ?3, sealed = ?4 WHERE environment_id = ?1 AND name = ?2 AND sealed = ?5",
        );
        statements.push(change.bind(row.environment_id, row.name, keyId, sealed, row.sealed));
      }
      if (statements.length > 0) await this.#db.batch(statements);
      resealed += statements.length;
    }
  }

  async #load(environmentId: number, name: string): Promise<string | undefined> {
    const at = this.#now();
    const row = await this.#db
      .prepare("SELECT key_id, sealed FROM secrets WHERE environment_id = ?1 AND name = ?2")
      .bind(environmentId, name)
      .first<{ key_id: string; sealed: string }>();
    const value =
      row === null
        ? undefined
        : await this.#cipher.open(environmentId, name, { keyId: row.key_id, sealed: row.sealed });
    this.#known.set(`${environmentId}/${name}`, { value, at }, 1 + name.length + (value?.length ?? 0));
    return value;
  }

  #summary({ name, key_id, created_at, updated_at, updated_by }: Row): SecretSummary {
    return {
      name,
      encryptedUnder: this.#cipher.under(key_id),
      createdAt: created_at,
      updatedAt: updated_at,
      updatedBy: updated_by,
    };
  }
}
