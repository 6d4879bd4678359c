import type { RunMessage, RunRecord } from "../../domain/run";
import type { Segment, SharedFields } from "./run-segment";

/*
 * Runs as they travel and as they are written: JSON texts that a statement reads without anyone parsing them on the way.
 *
 *   { "segments": [ [shared …, firstId, lastId, count, totalMs, longestMs, [run, run …]] … ],
 *     "runs":     [ [shared …, [row, row …]] … ],
 *     "messages": [ [environmentId, runId, sequence, at, level, node, record, text, textLength, details, detailsLength] … ] }
 *
 * where the shared fields are environmentId, projectId, project, flowId, flow, flowVersion, trigger, user; a run of a segment
 * is what ./run-segment.ts says; and a row is [id, startedAt, milliseconds until it ended], and for all but successful runs
 * that said nothing also [… status, message, messageCount]. A text without segments has no list of them.
 */

const SEGMENTS = '{"segments":[';
const NO_RUNS = '"runs":[],"messages":[]}';
const NO_MESSAGES = '"messages":[]}';

/** Which of its three lists a text has anything in, so that their statements are worth while. */
export function contentsOf(text: string): { segments: boolean; runs: boolean; messages: boolean } {
  return {
    segments: text.startsWith(SEGMENTS),
    runs: !text.endsWith(NO_RUNS),
    messages: !text.endsWith(NO_MESSAGES),
  };
}

/** Packs segments and runs into texts of at most about `maxBytes` bytes of UTF-8; the messages of a run may go into several. */
export class RunBatch {
  readonly #maxBytes: number;
  readonly #texts: string[] = [];
  #segments: string[] = [];
  #groups = new Map<string, string[]>();
  #messages: string[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  addSegment({ shared, firstId, lastId, count, totalMs, longestMs, runs }: Segment): void {
    const head = headOf(shared);
    const text = `${head}"${firstId}","${lastId}",${count},${totalMs},${longestMs},${runs}]`;
    // Behind the head there are but ids and numbers.
    this.#makeRoom(bytesOf(head) + text.length - head.length);
    this.#segments.push(text);
  }

  addRun(run: RunRecord): void {
    const head = headOf(run);
    const row = rowOf(run);
    this.#makeRoom(bytesOf(row) + (this.#groups.has(head) ? 0 : bytesOf(head)));
    const rows = this.#groups.get(head);
    if (rows === undefined) this.#groups.set(head, [row]);
    else rows.push(row);
    for (const [sequence, message] of run.messages.entries()) {
      const text = messageRow(run, sequence, message);
      this.#makeRoom(bytesOf(text));
      this.#messages.push(text);
    }
  }

  /** The texts of all that was added. */
  texts(): string[] {
    if (this.#size > 0) this.#close();
    return this.#texts;
  }

  #makeRoom(bytes: number): void {
    if (this.#size > 0 && this.#size + bytes > this.#maxBytes) this.#close();
    this.#size += bytes;
  }

  #close(): void {
    const start = this.#segments.length > 0 ? `${SEGMENTS}${this.#segments.join(",")}],` : "{";
    const runs = [...this.#groups].map(([head, rows]) => `${head}[${rows.join(",")}]]`).join(",");
    this.#texts.push(`${start}"runs":[${runs}],"messages":[${this.#messages.join(",")}]}`);
    this.#segments = [];
    this.#groups = new Map();
    this.#messages = [];
    this.#size = 0;
  }
}

/** Texts of runs each of which becomes a row of its own. */
export function encodeRuns(runs: readonly RunRecord[], maxBytes: number): string[] {
  const batch = new RunBatch(maxBytes);
  for (const run of runs) batch.addRun(run);
  return batch.texts();
}

/** At least the bytes that a text takes in UTF-8, told without writing it. */
function bytesOf(text: string): number {
  return BEYOND_ASCII.test(text) ? text.length * 3 : text.length;
}

const BEYOND_ASCII = /[^\0-\x7f]/;

function rowOf({ id, startedAt, endedAt, status, message, messages }: RunRecord): string {
  const lasted = endedAt === null ? null : endedAt - startedAt;
  const plain = status === "Success" && message === null && messages.length === 0;
  return JSON.stringify(
    plain ? [id, startedAt, lasted] : [id, startedAt, lasted, status, message, messages.length],
  );
}

function headOf(run: SharedFields): string {
  const shared = [
    run.environmentId,
    run.projectId,
    run.project,
    run.flowId,
    run.flow,
    run.flowVersion,
    run.trigger,
    run.user,
  ];
  // Left open: what differs follows.
  return `${JSON.stringify(shared).slice(0, -1)},`;
}

function messageRow(run: RunRecord, sequence: number, message: RunMessage): string {
  const { at, level, node, record, text, textLength, details, detailsLength } = message;
  return JSON.stringify([
    run.environmentId,
    run.id,
    sequence,
    at,
    level,
    node ?? null,
    record ?? null,
    text,
    textLength ?? null,
    details ?? null,
    detailsLength ?? null,
  ]);
}
