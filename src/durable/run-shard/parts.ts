import { shardOf } from "../../domain/process-id";
import type { Services } from "../../services";
import { Acceptance } from "./acceptance";
import { report } from "./alarm";
import { CallbackDesk } from "./callback-desk";
import { Callbacks } from "./callbacks";
import { Closing } from "./closing";
import { Documents } from "./documents";
import { Driver } from "./driver";
import { Ending } from "./ending";
import { historyOf, Outbox } from "./outbox";
import { Permits } from "./permits";
import { RecordDesk } from "./record-desk";
import { Reruns } from "./rerun";
import { Retention } from "./retention";
import { RunStore } from "./run-store";
import { Standing } from "./standing";
import { StepRows } from "./step-rows";
import { type TimerKind, Timers } from "./timers";
import { Waiters } from "./waiters";
import { Waking } from "./waking";

/** What a shard is made of. The parts know each other as little as they can: each is given the calls that it makes. */
export type ShardParts = ReturnType<typeof assemble>;

/** Makes the parts of a shard whose tables are there. */
export function assemble(ctx: DurableObjectState, services: Services) {
  const { storage } = ctx;
  const { sql } = storage;
  const { catalog, host, settings } = services;
  const documents = new Documents(sql);
  const steps = new StepRows(storage, documents);
  const runs = new RunStore(sql, documents, steps);
  const timers = new Timers(storage);
  const retention = new Retention(runs, timers, settings.RUN_RETENTION_HOURS);
  const callbacks = new Callbacks(sql, documents);
  const desk = new CallbackDesk({
    runs,
    callbacks,
    signer: services.callbackSigner,
    publicUrl: settings.PUBLIC_URL,
    wake: (id) => waking.wake(id),
  });
  const outbox = new Outbox(sql, timers, {
    history: historyOf(runs, (ended) => services.runLog.write(ended)),
    record: (ids) => records.deliver(ids),
  });
  const records = new RecordDesk({
    sql,
    runs,
    steps,
    timers,
    catalog,
    current: (id) => driver.current(id),
    tell: (tellings) => services.records.tell(tellings),
    owe: (id) => outbox.add(id, "record", Date.now()),
    together: (work) => storage.transactionSync(work),
    take: (request) => acceptance.accept(request, undefined),
    begin: (id, fresh) => driver.enqueue(id, fresh),
    start: (request, prepare) => acceptance.take(request, prepare),
  });
  const permits = new Permits({
    sql,
    timers,
    groups: services.groupsOf((work) => ctx.waitUntil(work)),
    shard: ctx.id.name,
    isDurable: (id) => shardOf(id) !== undefined,
    prolonged: (id, until) => driver.prolong(id, until),
    revoked: (id, why, group) => ending.revoke(id, why, group),
  });
  const driver = new Driver({
    storage,
    runs,
    steps,
    catalog,
    services: host.services,
    callbacks,
    desk,
    background: (work) => ctx.waitUntil(work),
    end: (id, outcome, messages, waited) => ending.end(id, outcome, messages, waited),
    enter: (id) => permits.enter(id),
    running: (id) => records.changed(id, true),
    suspend: (id, at, due, attempts) => waking.suspend(id, at, due, attempts),
  });
  const closing = new Closing({
    storage,
    runs,
    timers,
    cancel: (id) => ending.cancelOpen(id),
    giveBack: () => permits.tend(),
  });
  const acceptance = new Acceptance({
    storage,
    runs,
    permits,
    records,
    driver,
    closed: () => closing.closed,
    beat: () => waking.expectLoss(),
  });
  const waiters = new Waiters();
  const waking = new Waking({ runs, timers, records, driver });
  const ending = new Ending({
    storage,
    runs,
    timers,
    permits,
    outbox,
    retention,
    records,
    driver,
    waiters,
    behind,
  });
  const standing = new Standing({ runs, timers, driver, desk, waiters });
  const reruns = new Reruns({
    storage,
    runs,
    steps,
    acceptance,
    driver,
    catalog,
    host,
    view: (id) => standing.view(id),
  });
  /** Lets work go on that nobody waits for. */
  function behind(work: Promise<void>): void {
    ctx.waitUntil(work.catch(report));
  }
  /** What each kind of timer does. */
  const expire: Record<TimerKind, (run: string) => void> = {
    wake: (run) => waking.wake(run),
    heartbeat: () => waking.beat(),
    // Not waited for: a database that hangs must not hold up the other timers.
    outbox: () => behind(outbox.flush()),
    permits: () => behind(permits.tend()),
    retention: () => retention.forgetOld(Date.now()),
  };
  return {
    runs,
    timers,
    outbox,
    driver,
    permits,
    desk,
    retention,
    records,
    closing,
    acceptance,
    waking,
    ending,
    standing,
    reruns,
    expire,
  };
}
