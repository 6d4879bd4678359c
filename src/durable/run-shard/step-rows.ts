import type { FlowPointer } from "../../domain/flow-address";
import type { RunMessage } from "../../domain/run";
import type { Documents } from "./documents";

/** A node of the triggered flow itself, `price` or `[3]/price` where records travel one by one. */
const TOP_STEP = /^(?:\[\d+\]\/)?[^/>]+$/;

/** Characters of an emission that need not be looked into to know that there are items in it. */
const LONG_EMISSION = 4_096;

/** What runs have done so far: finished steps, delays, the versions of flows that they called. */
export class StepRows {
  readonly #sql: SqlStorage;
  readonly #documents: Documents;

  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage, documents: Documents) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#documents = documents;
  }

  paths(run: string): Set<string> {
    const rows = this.#sql.exec<{ path: string }>("SELECT path FROM steps WHERE run = ?", run);
    return new Set([...rows].map(({ path }) => path));
  }

  read(run: string, path: string): string | undefined {
    const row = this.#sql
      .exec<{ emission: string | null }>("SELECT emission FROM steps WHERE run = ? AND path = ?", run, path)
      .toArray()[0];
    return row === undefined ? undefined : (row.emission ?? this.#documents.read(run, documentOf(path)));
  }

  /** Writes a step; a second time is a mistake of ours, and refused by the table. @throws ValueTooLarge */
  write(
    run: string,
    path: string,
    step: { at: number; attempt: number; emission: string; messages: readonly RunMessage[] },
  ): void {
    const inline = this.#documents.fitsRow(step.emission);
    if (!inline) this.#documents.write(run, documentOf(path), step.emission);
    this.#sql.exec(
      "INSERT INTO steps (run, path, top, at, attempt, emission, messages) VALUES (?, ?, ?, ?, ?, ?, ?)",
      run,
      path,
      TOP_STEP.test(path) ? 1 : 0,
      step.at,
      step.attempt,
      inline ? step.emission : null,
      step.messages.length === 0 ? null : JSON.stringify(step.messages),
    );
  }

  /** What an effect of a step answered, as JSON. */
  readEffect(run: string, path: string, key: string): string | undefined {
    return this.#documents.read(run, effectOf(path, key));
  }

  /** @throws ValueTooLarge */
  writeEffect(run: string, path: string, key: string, answer: string): void {
    this.#documents.write(run, effectOf(path, key), answer);
  }

  /** Resolves when all that was written is on disk. */
  sync(): Promise<void> {
    return this.#storage.sync();
  }

  /**
   * The nodes of the flow itself that have finished and had something to handle, in order, and when. A node behind one that
   * failed finishes too, with nothing; a long emission surely has something.
   */
  topSteps(run: string, limit: number): { path: string; at: number }[] {
    return this.#sql
      .exec<{ path: string; at: number }>(
        `SELECT path, at FROM steps WHERE run = ? AND top = 1 AND (coalesce(length(emission), ?) >= ?
           OR json_type(emission, '$.f') IS NOT NULL
           OR EXISTS (SELECT 1 FROM json_each(emission, '$.r') WHERE json_array_length(value, '$[1]') > 0))
         ORDER BY at LIMIT ?`,
        run,
        LONG_EMISSION,
        LONG_EMISSION,
        limit,
      )
      .toArray();
  }

  /** How many nodes of the flow itself have finished. */
  finished(run: string): number {
    return this.#sql
      .exec<{ n: number }>("SELECT count(*) AS n FROM steps WHERE run = ? AND top = 1", run)
      .one().n;
  }

  /** What finished steps said, in order of time. */
  messages(run: string): RunMessage[] {
    const rows = this.#sql.exec<{ messages: string }>(
      "SELECT messages FROM steps WHERE run = ? AND messages IS NOT NULL",
      run,
    );
    return [...rows]
      .flatMap(({ messages }) => JSON.parse(messages) as RunMessage[])
      .sort((left, right) => left.at - right.at);
  }

  /** When the delay at a step is over; `undefined` when it has not begun. */
  delayedUntil(run: string, path: string): number | undefined {
    return this.#sql
      .exec<{ due: number }>("SELECT due FROM waits WHERE run = ? AND path = ?", run, path)
      .toArray()[0]?.due;
  }

  delay(run: string, path: string, due: number): void {
    this.#sql.exec("INSERT INTO waits (run, path, due) VALUES (?, ?, ?)", run, path, due);
  }

  /** The flows that the run has called, by name, as they were at the first call; `null` for one that did not exist. */
  calls(run: string): Map<string, FlowPointer | null> {
    const rows = this.#sql.exec<{ flow: string; pointer: string | null }>(
      "SELECT flow, pointer FROM calls WHERE run = ?",
      run,
    );
    return new Map(
      [...rows].map(({ flow, pointer }) => [
        flow,
        pointer === null ? null : (JSON.parse(pointer) as FlowPointer),
      ]),
    );
  }

  addCall(run: string, flow: string, pointer: FlowPointer | null): void {
    this.#sql.exec(
      "INSERT OR IGNORE INTO calls (run, flow, pointer) VALUES (?, ?, ?)",
      run,
      flow,
      pointer === null ? null : JSON.stringify(pointer),
    );
  }

  /** Gives another run the steps that `keep` chooses, and the versions of the flows that were called. */
  copy(from: string, to: string, keep: (path: string) => boolean): void {
    for (const path of this.paths(from)) {
      if (!keep(path)) continue;
      this.#sql.exec(
        `INSERT INTO steps (run, path, top, at, attempt, emission, messages)
         SELECT ?, path, top, at, attempt, emission, messages FROM steps WHERE run = ? AND path = ?`,
        to,
        from,
        path,
      );
      this.#sql.exec(
        `INSERT INTO documents (run, name, part, text, bytes)
         SELECT ?, name, part, text, bytes FROM documents WHERE run = ? AND name = ?`,
        to,
        from,
        documentOf(path),
      );
    }
    this.#sql.exec(
      "INSERT INTO calls (run, flow, pointer) SELECT ?, flow, pointer FROM calls WHERE run = ?",
      to,
      from,
    );
  }
}

function documentOf(path: string): string {
  return `step:${path}`;
}

function effectOf(path: string, key: string): string {
  return `effect:${path}#${key}`;
}
