import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../bindings";
import { logError } from "../domain/operator-log";
import { SWEEP_MS } from "../domain/record";
import { fillMappedFields } from "../operations/records/fill-fields";
import { sweepRecords } from "../operations/records/sweep-records";
import { servicesOf } from "../services";

/*
 * Starts the data records of an environment that nobody else started: scheduled ones when their time comes, those whose
 * request died between storing and starting them, those of a flow that goes on. Named `e{environment}/records`.
 *
 * Invariants:
 * 1. Whoever stores a waiting record has made sure before that the sweeper is awake, so that no crash between the two can
 *    leave a record that nobody looks for.
 * 2. While it is awake its alarm is set, at most `SWEEP_MS` ahead; it falls asleep only when nobody has asked for it for
 *    `AWAKE_MS`, and then its alarm is that of the next scheduled record.
 * 3. `alarm()` lets no error out; it sets itself again first.
 */

/** Milliseconds for which it stays awake after it was asked for. */
const AWAKE_MS = 600_000;
/** Milliseconds after which it looks again when there was more to start than one look takes. */
const AGAIN_MS = 50;

export class RecordSweeper extends DurableObject<Bindings> {
  /** Sets the alarm, if it is not set for sooner. Durable when this answers (output gate). */
  async watch(environmentId: number, at: number): Promise<void> {
    await this.#wakeAt(environmentId, at);
  }

  /** Looks as soon as it can. */
  async sweepNow(environmentId: number): Promise<void> {
    await this.#wakeAt(environmentId, Date.now());
  }

  /** The environment is deleted: there is nothing to look for. */
  async close(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  override async alarm(): Promise<void> {
    const { storage } = this.ctx;
    const environmentId = storage.kv.get<number>("environment");
    if (environmentId === undefined) return;
    // Should this very look kill the object, there is a next one.
    await storage.setAlarm(Date.now() + SWEEP_MS);
    try {
      const services = servicesOf(this.env);
      const filled = await fillMappedFields(services, environmentId);
      const { more, next, blocked } = await sweepRecords(services, environmentId);
      const now = Date.now();
      const awake = (storage.kv.get<number>("awakeUntil") ?? 0) > now;
      const due = next === undefined ? undefined : Math.max(next, now + (more ? AGAIN_MS : SWEEP_MS / 10));
      const times = [
        due,
        awake ? now + SWEEP_MS : undefined,
        filled ? undefined : now + AGAIN_MS,
        // Whoever lets a flow run again says so; this is for what nobody said.
        blocked ? now + AWAKE_MS : undefined,
      ];
      const known = times.filter((time) => time !== undefined);
      // Someone may have asked for it meanwhile: what is set for sooner stays.
      const present = await storage.getAlarm();
      const asked = storage.kv.get<number>("asked");
      if (asked !== undefined) storage.kv.delete("asked");
      if (known.length === 0 && asked === undefined) await storage.deleteAlarm();
      else
        await storage.setAlarm(
          Math.min(...known, asked ?? Number.POSITIVE_INFINITY, present ?? Number.POSITIVE_INFINITY),
        );
    } catch (error) {
      // Nobody waits for an alarm.
      logError("waiting records could not be looked for", error, { environmentId });
    }
  }

  async #wakeAt(environmentId: number, at: number): Promise<void> {
    const { storage } = this.ctx;
    storage.kv.put("environment", environmentId);
    storage.kv.put("awakeUntil", Date.now() + AWAKE_MS);
    const present = await storage.getAlarm();
    if (present === null || present > at) await storage.setAlarm(at);
    storage.kv.put("asked", at);
  }
}
