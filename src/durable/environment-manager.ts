import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import { carryOut } from "../operations/environments/carry-out";
import { servicesOf } from "../services";

/*
 * Carries out what an environment is becoming. Named `e{environment}`. The database says what that is; the object only
 * sees to it that it is done, whatever dies meanwhile:
 *
 * 1. It is woken before a change is written down, so it looks several times before it rests.
 * 2. Its alarm is set again before each piece of work, so that one which kills the object is tried again.
 * 3. `alarm()` lets no error out; after an error it waits, longer each time.
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
  errors: number;
}

const MARK = "mark";

export class EnvironmentManager extends DurableObject<Bindings> {
  /** Has the object look for work, from now on and for some seconds. */
  async wake(environmentId: number): Promise<void> {
    const present = await this.ctx.storage.get<Mark>(MARK);
    await this.ctx.storage.put<Mark>(MARK, { environmentId, looks: LOOKS, errors: present?.errors ?? 0 });
    const due = await this.ctx.storage.getAlarm();
    if (due === null || due > Date.now() + LOOK_MS) await this.ctx.storage.setAlarm(Date.now() + LOOK_MS);
  }

  override async alarm(): Promise<void> {
    const mark = await this.ctx.storage.get<Mark>(MARK);
    if (mark === undefined) return;
    try {
      await this.ctx.storage.setAlarm(Date.now() + LOST_MS);
      const next = await carryOut(servicesOf(this.env), mark.environmentId);
      await this.#rest(mark, next);
    } catch (error) {
      // biome-ignore lint/suspicious/noConsole: the operators' log; nobody waits for an alarm
      console.error("an environment's change could not go on", mark.environmentId, error);
      const wait = Math.min(FIRST_RETRY_MS * 2 ** mark.errors, LONGEST_RETRY_MS);
      await this.ctx.storage.put<Mark>(MARK, { ...mark, errors: mark.errors + 1 });
      await this.ctx.storage.setAlarm(Date.now() + wait);
    }
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
    await this.ctx.storage.put<Mark>(MARK, { ...mark, looks: left, errors: 0 });
    await this.ctx.storage.setAlarm(Date.now() + (next ?? LOOK_MS));
  }
}
