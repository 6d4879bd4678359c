import type { CallbackResult, PendingCallback } from "../../domain/durable-run";
import type { Json } from "../../domain/json";
import type { CallbackNotice } from "../../engine/callback-port";
import type { Documents } from "./documents";

interface CallbackRow {
  [column: string]: SqlStorageValue;
  path: string;
  due: number | null;
  about: string | null;
  reveal: number;
  called_at: number | null;
}

/** How a step stands with its callback. */
export type Waited = { kind: "called"; call: Json } | { kind: "late" } | { kind: "waits"; due: number };

/**
 * Callbacks of a shard's runs. A step has a row from its first wait on, or from the call that came before it. A call is
 * written once, together with its content, so of two that come at the same time one is the first.
 */
export class Callbacks {
  readonly #sql: SqlStorage;
  readonly #documents: Documents;

  constructor(sql: SqlStorage, documents: Documents) {
    this.#sql = sql;
    this.#documents = documents;
  }

  /** A step wants its callback; its time counts from the first time that it does. */
  wait(run: string, path: string, ms: number, { about, reveal }: CallbackNotice, now: number): Waited {
    const row = this.#find(run, path);
    if (row !== undefined && row.called_at !== null) {
      const text = this.#documents.read(run, documentOf(path));
      if (text === undefined) throw new Error(`step "${path}" of run ${run} has lost its callback`);
      return { kind: "called", call: JSON.parse(text) as Json };
    }
    if (row === undefined) {
      this.#sql.exec(
        "INSERT INTO callbacks (run, path, due, about, reveal) VALUES (?, ?, ?, ?, ?)",
        run,
        path,
        now + ms,
        about ?? null,
        reveal ? 1 : 0,
      );
    }
    const due = row?.due ?? now + ms;
    return due <= now ? { kind: "late" } : { kind: "waits", due };
  }

  /** How a step stands for someone who has its URL. */
  standing(run: string, path: string, now: number): CallbackResult {
    const row = this.#find(run, path);
    if (row === undefined) return { kind: "open", due: null, about: null };
    if (row.called_at !== null) return { kind: "used", at: row.called_at };
    if (row.due !== null && row.due <= now) return { kind: "expired", at: row.due };
    return { kind: "open", due: row.due, about: row.about };
  }

  /** Keeps what the first call brought. @throws ValueTooLarge, and nothing is stored */
  called(run: string, path: string, call: string, now: number): void {
    this.#documents.write(run, documentOf(path), call);
    this.#sql.exec(
      `INSERT INTO callbacks (run, path, reveal, called_at) VALUES (?, ?, 0, ?)
       ON CONFLICT (run, path) DO UPDATE SET called_at = excluded.called_at`,
      run,
      path,
      now,
    );
  }

  /** Callbacks that a run waits for. */
  pending(run: string): Omit<PendingCallback, "url">[] {
    return this.#sql
      .exec<CallbackRow>(
        "SELECT path, due, about, reveal, called_at FROM callbacks WHERE run = ? AND called_at IS NULL ORDER BY due",
        run,
      )
      .toArray()
      .map(({ path, due, about, reveal }) => ({
        step: path,
        expiresAt: due as number,
        about,
        reveal: reveal === 1,
      }));
  }

  /** Whether a step was called while its run executed something else: it need not wait then. */
  isReady(run: string): boolean {
    return (
      this.#sql
        .exec(
          `SELECT 1 FROM callbacks c WHERE run = ? AND due IS NOT NULL AND called_at IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM steps s WHERE s.run = c.run AND s.path = c.path)`,
          run,
        )
        .toArray().length > 0
    );
  }

  #find(run: string, path: string): CallbackRow | undefined {
    return this.#sql
      .exec<CallbackRow>(
        "SELECT path, due, about, reveal, called_at FROM callbacks WHERE run = ? AND path = ?",
        run,
        path,
      )
      .toArray()[0];
  }
}

function documentOf(path: string): string {
  return `callback:${path}`;
}
