import { MAX_STORED_VALUE_BYTES } from "../../domain/limits";

/** Bytes of one row's part: a row ends at 2 MB, and the rest of it needs room too. */
const PART_BYTES = 1024 * 1024;
/** Characters that surely fit into one part: none takes more than three bytes. */
const PART_CHARS = Math.floor(PART_BYTES / 3);

/** A value is larger than a shard stores. */
export class ValueTooLarge extends Error {
  override readonly name = "ValueTooLarge";

  constructor() {
    super(`a durable run stores values of at most ${MAX_STORED_VALUE_BYTES} bytes (MAX_STORED_VALUE_BYTES)`);
  }
}

/** Texts of runs by name: small ones as one row, large ones in parts. */
export class Documents {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Whether a text takes one row, so that it may stand in a row of another table as well. */
  fitsRow(text: string): boolean {
    return text.length <= PART_CHARS;
  }

  /** @throws ValueTooLarge for a text that `write` would not store */
  check(text: string): void {
    if (this.fitsRow(text)) return;
    if (text.length > MAX_STORED_VALUE_BYTES) throw new ValueTooLarge();
    if (new TextEncoder().encode(text).length > MAX_STORED_VALUE_BYTES) throw new ValueTooLarge();
  }

  /**
   * Stores a text; one of the same name is replaced.
   * @param isNew there is none of the name
   * @throws ValueTooLarge, and nothing is stored
   */
  write(run: string, name: string, text: string, isNew = false): void {
    if (this.fitsRow(text)) {
      if (!isNew) this.remove(run, name);
      this.#sql.exec(
        "INSERT OR REPLACE INTO documents (run, name, part, text) VALUES (?, ?, 0, ?)",
        run,
        name,
        text,
      );
      return;
    }
    if (text.length > MAX_STORED_VALUE_BYTES) throw new ValueTooLarge();
    // As bytes: cutting a text could cut a character in two.
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > MAX_STORED_VALUE_BYTES) throw new ValueTooLarge();
    this.remove(run, name);
    for (let part = 0; part * PART_BYTES < bytes.length; part += 1) {
      const piece = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql.exec(
        "INSERT INTO documents (run, name, part, bytes) VALUES (?, ?, ?, ?)",
        run,
        name,
        part,
        piece.buffer,
      );
    }
  }

  read(run: string, name: string): string | undefined {
    const decoder = new TextDecoder();
    let text: string | undefined;
    for (const row of this.#sql.exec<{ text: string | null; bytes: ArrayBuffer | null }>(
      "SELECT text, bytes FROM documents WHERE run = ? AND name = ? ORDER BY part",
      run,
      name,
    )) {
      if (row.text !== null) return row.text;
      text = (text ?? "") + decoder.decode(row.bytes ?? new ArrayBuffer(0), { stream: true });
    }
    return text === undefined ? undefined : text + decoder.decode();
  }

  remove(run: string, name: string): void {
    this.#sql.exec("DELETE FROM documents WHERE run = ? AND name = ?", run, name);
  }
}
