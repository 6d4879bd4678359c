import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import { SluiceError } from "../domain/errors";
import { MAX_CHANGE_ATTEMPTS } from "../domain/limits";
import { logError } from "../domain/operator-log";
import { carryOut, giveUp } from "../operations/environments/carry-out";
import { servicesOf } from "../services";

/*
 * Carries out what an environment is becoming. Named `e{environment}`. The database says what that is; the object only
 * sees to it that it is done, whatever dies meanwhile:
 *
 * 1. It is woken before a change is written down, so it looks several times before it rests.
 * 2. Its alarm is set again before each piece of work, so that one which kills the object is tried again.
 * 3. `alarm()` lets no error out; after an error it waits, longer each time, whoever asks meanwhile. After
 *    MAX_CHANGE_ATTEMPTS of them without getting further the environment is in error.
 */

/** Milliseconds after which it first looks, and looks again while there is nothing. */
const LOOK_MS = 100;
/** How often it looks for a change that was announced. */
const LOOKS = 50;
/** Milliseconds after which a piece of work that did not come back is tried again. */
const LOST_MS = 30_000;
/** Wait after the first error, doubled with each, up to the longest, in milliseconds. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

interface Mark {
  environmentId: number;
  /** Looks left before it rests. */
  looks: number;
  /** Times that the next piece of work was begun, those too that the object did not outlive. */
  attempts: number;
  /** After an error: until when it waits, whoever asks meanwhile. */
  waitsUntil: number;
}

const MARK = "mark";
/** What a piece of work met that was begun and never came back. */
const LOST = "nothing that is known: it did not come back.";

export class EnvironmentManager extends DurableObject<Bindings> {
  /** Has the object look for work, from now on and for some seconds. */
  async wake(environmentId: number): Promise<void> {
    const { attempts = 0, waitsUntil = 0 } = (await this.ctx.storage.get<Partial<Mark>>(MARK)) ?? {};
    await this.ctx.storage.put<Mark>(MARK, { environmentId, looks: LOOKS, attempts, waitsUntil });
    // Asking how a failed piece stands must not use up its attempts.
    const at = Math.max(Date.now() + LOOK_MS, waitsUntil);
    const due = await this.ctx.storage.getAlarm();
    if (due === null || due > at) await this.ctx.storage.setAlarm(at);
  }

  override async alarm(): Promise<void> {
    const found = await this.ctx.storage.get<Mark>(MARK);
    if (found === undefined) return;
    // One that an earlier version wrote counted nothing.
    const mark: Mark = { ...found, attempts: found.attempts ?? 0, waitsUntil: found.waitsUntil ?? 0 };
    const attempts = mark.attempts + 1;
    try {
      await this.ctx.storage.put<Mark>(MARK, { ...mark, attempts });
      await this.ctx.storage.setAlarm(Date.now() + LOST_MS);
      if (mark.attempts >= MAX_CHANGE_ATTEMPTS && (await this.#giveUp(mark, LOST))) return;
      const next = await carryOut(servicesOf(this.env), mark.environmentId);
      await this.#rest(mark, next);
    } catch (error) {
      const reference = crypto.randomUUID();
      // Nobody waits for an alarm.
      logError("an environment's change could not go on", error, {
        environmentId: mark.environmentId,
        reference,
      });
      const met =
        error instanceof SluiceError ? error.message : `a fault inside, which the log has as ${reference}.`;
      if (attempts >= MAX_CHANGE_ATTEMPTS && (await this.#giveUp(mark, met))) return;
      const waitsUntil = Date.now() + Math.min(FIRST_RETRY_MS * 2 ** mark.attempts, LONGEST_RETRY_MS);
      await this.ctx.storage.put<Mark>(MARK, { ...mark, attempts, waitsUntil });
      await this.ctx.storage.setAlarm(waitsUntil);
    }
  }

  /** @returns whether the environment is in error now; while that cannot be written down, it goes on trying */
  async #giveUp({ environmentId }: Mark, met: string): Promise<boolean> {
    const reason = `It was tried ${MAX_CHANGE_ATTEMPTS} times (MAX_CHANGE_ATTEMPTS) and met: ${met}`;
    const given = await giveUp(servicesOf(this.env), environmentId, reason).catch(() => false);
    if (!given) return false;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.delete(MARK);
    return true;
  }

  /** @param next milliseconds after which there is more to do */
  async #rest(mark: Mark, next: number | undefined): Promise<void> {
    // Woken again meanwhile.
    const looks = (await this.ctx.storage.get<Mark>(MARK))?.looks ?? mark.looks;
    if (next === undefined && looks <= 0) {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.delete(MARK);
      return;
    }
    const left = next === undefined ? looks - 1 : LOOKS;
    await this.ctx.storage.put<Mark>(MARK, { ...mark, looks: left, attempts: 0, waitsUntil: 0 });
    await this.ctx.storage.setAlarm(Date.now() + (next ?? LOOK_MS));
  }
}
