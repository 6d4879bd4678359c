import { DurableObject } from "cloudflare:workers";
import { z } from "zod";
import type { Bindings } from "../bindings";
import {
  type Attempts,
  afterFailure,
  afterSuccess,
  KEEP_ADMITTED_MS,
  NO_ATTEMPTS,
  waitBefore,
} from "../domain/attempts";

/*
 * Counts failed attempts on the management API, for many clients each: an object of its own for every address would be as
 * many objects as an attacker has addresses. What it holds is bounded: the clients that were quiet longest are forgotten.
 */

/** Clients that one object remembers. */
const MAX_CLIENTS = 5_000;

const Stored = z.object({
  failures: z.number(),
  lastFailureAt: z.number(),
  admitted: z.array(z.object({ hash: z.string(), at: z.number() })),
});

export class AttemptCounter extends DurableObject<Bindings> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS clients (client TEXT PRIMARY KEY, at INTEGER NOT NULL, attempts TEXT NOT NULL) WITHOUT ROWID;
       CREATE INDEX IF NOT EXISTS clients_by_time ON clients (at);`,
    );
  }

  /** Milliseconds until an attempt with a credential is looked at. */
  async wait(client: string, hash: string): Promise<number> {
    return waitBefore(this.#read(client), hash, Date.now());
  }

  /** Counts a failure. @returns milliseconds until the next attempt with another credential is looked at */
  async failed(client: string): Promise<number> {
    const now = Date.now();
    const attempts = afterFailure(this.#read(client), now);
    this.#write(client, attempts, now);
    return waitBefore(attempts, "", now);
  }

  async succeeded(client: string, hash: string): Promise<void> {
    const now = Date.now();
    this.#write(client, afterSuccess(this.#read(client), hash, now), now);
  }

  /** What is remembered ends some time after the last that came. */
  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #read(client: string): Attempts {
    const [row] = this.#sql
      .exec<{ attempts: string }>("SELECT attempts FROM clients WHERE client = ?", client)
      .toArray();
    return row === undefined ? NO_ATTEMPTS : Stored.parse(JSON.parse(row.attempts));
  }

  #write(client: string, attempts: Attempts, now: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO clients (client, at, attempts) VALUES (?, ?, ?)",
      client,
      now,
      JSON.stringify(attempts),
    );
    this.#sql.exec(
      `DELETE FROM clients WHERE at < ?1 OR client IN (SELECT client FROM clients ORDER BY at DESC LIMIT -1 OFFSET ${MAX_CLIENTS})`,
      now - KEEP_ADMITTED_MS,
    );
    void this.ctx.storage.setAlarm(now + KEEP_ADMITTED_MS);
  }
}
