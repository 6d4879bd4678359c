import { logWarning } from "../../domain/operator-log";
import type { ScheduleView } from "../../domain/schedule";
import type { Scheduler } from "../../durable/scheduler";
import type { Schedulers } from "../../operations/ports";
import type { NamedObjects } from "./placement";

/** What a scheduler's stub offers, told by hand: the platform's own types make promises of unions. */
interface Stub {
  expect(): Promise<void>;
  reconcile(): Promise<void>;
  list(): Promise<ScheduleView[]>;
}

/** Schedulers as objects, one for each environment. */
export class DurableSchedulers implements Schedulers {
  readonly #namespace: NamedObjects<Scheduler>;

  constructor(namespace: NamedObjects<Scheduler>) {
    this.#namespace = namespace;
  }

  expect(environmentId: number): Promise<void> {
    return this.#scheduler(environmentId).expect();
  }

  async reconcile(environmentId: number): Promise<void> {
    try {
      await this.#scheduler(environmentId).reconcile();
    } catch (error) {
      // The change is committed, so its caller must not be told otherwise; the scheduler looks by itself within seconds.
      logWarning("a scheduler could not be told of a publication", error, { environmentId });
    }
  }

  list(environmentId: number): Promise<ScheduleView[]> {
    return this.#scheduler(environmentId).list();
  }

  #scheduler(environmentId: number): Stub {
    return this.#namespace.getByName(schedulerName(environmentId)) as unknown as Stub;
  }
}

const NAME = /^e(\d+)\/scheduler$/;

export function schedulerName(environmentId: number): string {
  return `e${environmentId}/scheduler`;
}

/** The environment of a scheduler; `undefined` for an object of another name. */
export function environmentOfScheduler(name: string | undefined): number | undefined {
  const digits = NAME.exec(name ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}
