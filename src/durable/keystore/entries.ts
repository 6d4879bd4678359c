import { type KeystoreEntry, type KeystoreValue, utf8Length, type ValueFormat } from "../../domain/keystore";

/** Bytes of one part of a large text: a row ends at 2 MB, and the rest of it needs room too. */
const PART_BYTES = 1024 * 1024;
/** Characters that surely fit into one row: none takes more than three bytes. */
const ROW_CHARS = Math.floor(PART_BYTES / 3);

interface Row {
  [column: string]: SqlStorageValue;
  id: number;
  key: string;
  text: string | null;
  format: ValueFormat;
  bytes: number;
  version: number;
  updated_at: number;
  expires_at: number | null;
}

/** An entry with its key, and its place among all of them. */
export interface StoredEntry extends KeystoreEntry {
  id: number;
  key: string;
}

export type EntryHead = Omit<StoredEntry, "text" | "id"> & { bytes: number };

/** The entries of a keystore. What has expired is not there, whether its row is or not. */
export class Entries {
  readonly #sql: SqlStorage;
  /** Bytes of keys and values by which the entries grew since someone took note of it. */
  #growth = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(key: string, now: number): StoredEntry | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM entries WHERE key = ?", key);
    if (row === undefined || hasExpired(row, now)) return undefined;
    return this.#entry(row);
  }

  /** Whether a row is there, expired or not, and when it was last written. */
  head(key: string): { id: number; updatedAt: number; expiresAt: number | null } | undefined {
    const [row] = this.#sql.exec<{ id: number; updated_at: number; expires_at: number | null }>(
      "SELECT id, updated_at, expires_at FROM entries WHERE key = ?",
      key,
    );
    return row && { id: row.id, updatedAt: row.updated_at, expiresAt: row.expires_at };
  }

  /** Writes an entry; `replaces` says whether there is a row of its key, which then keeps its place and id. @returns its id */
  write(
    key: string,
    { text, format }: KeystoreValue,
    about: Pick<KeystoreEntry, "version" | "updatedAt" | "expiresAt"> & { replaces: boolean },
  ): number {
    const inRow = text.length <= ROW_CHARS;
    const size = utf8Length(text);
    this.#growth += size + (about.replaces ? -this.#size(key) : utf8Length(key));
    const { id } = this.#sql
      .exec<{ id: number }>(
        `INSERT INTO entries (key, text, format, bytes, version, updated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET text = excluded.text, format = excluded.format, bytes = excluded.bytes,
           version = excluded.version, updated_at = excluded.updated_at, expires_at = excluded.expires_at
         RETURNING id`,
        key,
        inRow ? text : null,
        format,
        size,
        about.version,
        about.updatedAt,
        about.expiresAt,
      )
      .one();
    if (about.replaces) this.#sql.exec("DELETE FROM parts WHERE entry = ?", id);
    if (inRow) return id;
    // As bytes: cutting a text could cut a character in two.
    const bytes = new TextEncoder().encode(text);
    for (let part = 0; part * PART_BYTES < bytes.length; part += 1) {
      this.#sql.exec(
        "INSERT INTO parts (entry, part, bytes) VALUES (?, ?, ?)",
        id,
        part,
        bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES).buffer,
      );
    }
    return id;
  }

  remove(id: number): void {
    this.#sql.exec("DELETE FROM parts WHERE entry = ?", id);
    const [gone] = this.#sql.exec<{ key: string; bytes: number }>(
      "DELETE FROM entries WHERE id = ? RETURNING key, bytes",
      id,
    );
    if (gone !== undefined) this.#growth -= gone.bytes + utf8Length(gone.key);
  }

  /** Bytes by which keys and values grew since this was asked last; in the transaction of what made them grow. */
  takeGrowth(): number {
    const growth = this.#growth;
    this.#growth = 0;
    return growth;
  }

  #size(key: string): number {
    const [row] = this.#sql.exec<{ bytes: number }>("SELECT bytes FROM entries WHERE key = ?", key);
    return row?.bytes ?? 0;
  }

  /** Entries behind the one with the id `after`, in the order in which their keys were first written. */
  *since(after: number, now: number): Generator<StoredEntry> {
    for (const row of this.#sql.exec<Row>("SELECT * FROM entries WHERE id > ? ORDER BY id", after)) {
      if (!hasExpired(row, now)) yield this.#entry(row);
    }
  }

  /** The entries with these ids that are there, in their order. */
  *withIds(ids: readonly number[], now: number): Generator<StoredEntry> {
    for (const id of ids) {
      const [row] = this.#sql.exec<Row>("SELECT * FROM entries WHERE id = ?", id);
      if (row !== undefined && !hasExpired(row, now)) yield this.#entry(row);
    }
  }

  /** Heads of entries whose keys begin with `prefix`, by key. */
  *under(prefix: string, after: string | undefined, now: number): Generator<EntryHead> {
    const rows = this.#sql.exec<Row>(
      "SELECT key, format, bytes, version, updated_at, expires_at FROM entries WHERE key >= ? AND key > ? ORDER BY key",
      prefix,
      after ?? "",
    );
    for (const row of rows) {
      if (!row.key.startsWith(prefix)) return;
      if (hasExpired(row, now)) continue;
      const { key, format, bytes, version, updated_at: updatedAt, expires_at: expiresAt } = row;
      yield { key, format, bytes, version, updatedAt, expiresAt };
    }
  }

  /** Rows that have expired, the first ones first. */
  expired(now: number, limit: number): { id: number; key: string }[] {
    return this.#sql
      .exec<{ id: number; key: string }>(
        "SELECT id, key FROM entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",
        now,
        limit,
      )
      .toArray();
  }

  /** When the next entry expires. */
  nextExpiry(): number | undefined {
    const row = this.#sql
      .exec<{ due: number | null }>("SELECT min(expires_at) AS due FROM entries WHERE expires_at IS NOT NULL")
      .one();
    return row.due ?? undefined;
  }

  #entry({ id, key, text, format, version, updated_at, expires_at }: Row): StoredEntry {
    return {
      id,
      key,
      text: text ?? this.#parts(id),
      format,
      version,
      updatedAt: updated_at,
      expiresAt: expires_at,
    };
  }

  #parts(id: number): string {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    let text = "";
    for (const { bytes } of this.#sql.exec<{ bytes: ArrayBuffer }>(
      "SELECT bytes FROM parts WHERE entry = ? ORDER BY part",
      id,
    )) {
      text += decoder.decode(bytes, { stream: true });
    }
    return text + decoder.decode();
  }
}

function hasExpired({ expires_at }: Row, now: number): boolean {
  return expires_at !== null && expires_at <= now;
}
