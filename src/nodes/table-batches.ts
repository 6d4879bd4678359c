import { SluiceError } from "../domain/errors";
import type { Json } from "../domain/json";
import { FlowError } from "../engine/errors";
import type { Item } from "../engine/item";
import type { NodeRun } from "../engine/node-run";
import { itemError } from "./table-settings";

/** An item with what it writes. */
export interface Entry {
  readonly item: Item;
}

/** What a part that did not go in together answered: from here on each of its items goes by itself. */
const EACH = "each";

/**
 * Writes items' rows in parts, each part one transaction and one effect of the step. When a part does not go in because
 * one of its rows conflicts, its items go one by one, so that only those fail that have to. That decision is stored
 * before anything else is written: a run that is taken up again goes the same way.
 *
 * @param write writes entries together; an answer for each. In durable runs it is given the key that its transaction
 *   must carry
 * @param done told of each entry that was written
 */
export async function writeTogether<E extends Entry>(
  node: NodeRun<unknown>,
  entries: readonly E[],
  size: number,
  write: (part: readonly E[], step: string | undefined) => Promise<Json[]>,
  done: (entry: E, answer: Json) => void,
): Promise<void> {
  const durable = node.run.host.steps !== undefined;
  const keyed = (step: string) => (durable ? step : undefined);
  for (let from = 0; from < entries.length; from += size) {
    node.run.check();
    const part = entries.slice(from, from + size);
    const key = `write:${from}`;
    const answers = await node.once(key, async (step) => {
      try {
        return await write(part, keyed(step));
      } catch (error) {
        if (part.length > 1 && isConflict(error)) return EACH;
        if (error instanceof SluiceError) return { failed: error.code, message: error.message };
        throw error;
      }
    });
    if (Array.isArray(answers)) {
      for (const [index, entry] of part.entries()) done(entry, answers[index] as Json);
    } else if (answers !== EACH) {
      for (const { item } of part) node.fail(item, failure(answers));
    } else {
      await writeEach(node, part, key, (entry, step) => write([entry], keyed(step)), done);
    }
  }
}

async function writeEach<E extends Entry>(
  node: NodeRun<unknown>,
  part: readonly E[],
  key: string,
  write: (entry: E, step: string) => Promise<Json[]>,
  done: (entry: E, answer: Json) => void,
): Promise<void> {
  for (const [index, entry] of part.entries()) {
    node.run.check();
    const answer = await node.once(`${key}.${index}`, async (step) => {
      try {
        return await write(entry, step);
      } catch (error) {
        if (error instanceof SluiceError) return { failed: error.code, message: error.message };
        throw error;
      }
    });
    if (Array.isArray(answer)) done(entry, answer[0] as Json);
    else node.fail(entry.item, failure(answer));
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof SluiceError && error.code === "conflict";
}

/** A failure as it was stored, so that a repeated step fails the same. */
function failure(stored: Json): FlowError {
  const { failed, message } = stored as { failed: string; message: string };
  return new FlowError(failed, message);
}

/** Asks the table something for items; what it refuses fails them all. */
export async function asking<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw itemError(error);
  }
}
