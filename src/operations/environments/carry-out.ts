import { newEnvironmentHost } from "../../domain/environment-host";
import type { EnvironmentStatus } from "../../domain/environment-life";
import { SluiceError } from "../../domain/errors";
import {
  type CopyItem,
  isFailable,
  type PendingChange,
  STATE_SHOWN_MS,
  SWEEP_AFTER_MS,
} from "../../domain/pending-change";
import { clearDroppedKeystores } from "../clear-dropped-keystores";
import type { EnvironmentServices } from "./environments";
import type { EnvironmentFields, StoredEnvironment } from "./ports";
import { endDeliveries, purgeEnvironment } from "./purge-environment";
import { requireRoom } from "./storage-room";

/**
 * Carries out the next piece of what an environment is becoming. Each piece may be repeated: a crash between it and its
 * being written down does it twice.
 * @returns milliseconds after which there is more to do; `undefined` when the environment has come to rest
 */
export async function carryOut(
  services: EnvironmentServices,
  environmentId: number,
): Promise<number | undefined> {
  const environment = await services.environments.find(environmentId);
  const pending = environment?.pending;
  if (environment === undefined || pending === undefined || pending === null) return undefined;
  const left = environment.updatedAt + STATE_SHOWN_MS - services.world.now();
  if (left > 0) return left;
  const piece = PIECES[pending.kind] as (
    services: EnvironmentServices,
    environment: StoredEnvironment,
    pending: PendingChange,
  ) => Promise<number | undefined>;
  return piece(services, environment, pending);
}

type Piece<K extends PendingChange["kind"]> = (
  services: EnvironmentServices,
  environment: StoredEnvironment,
  pending: PendingChange & { kind: K },
) => Promise<number | undefined>;

const PIECES: { [K in PendingChange["kind"]]: Piece<K> } = {
  create: (services, environment) =>
    settle(services, environment, "ready", { host: newEnvironmentHost(services.environmentDomain) }),
  package: (services, environment, pending) =>
    settle(services, environment, "upgraded", { package: pending.package }),
  storage: (services, environment, { gigabytes }) =>
    settle(services, environment, "upgraded", { extraStorageGb: environment.extraStorageGb + gigabytes }),
  version: (services, environment, { version }) =>
    settle(services, environment, "upgraded", { software: version }),
  shown: (services, environment, pending) => settle(services, environment, pending.next, {}),
  async optimize(services, environment, pending) {
    const { environments, world, retentionMs } = services;
    const after = await endDeliveries(services, environment.id, { after: pending.after });
    if (after !== undefined) {
      await environments.progress(environment.id, { ...pending, after });
      return 0;
    }
    const before = environment.usedBytes;
    await clearDroppedKeystores(services, environment.id);
    const freed = await environments.optimize(environment.id, world.now(), retentionMs);
    const used = await environments.measure(environment.id, world.now());
    return settle(services, environment, "ready", {
      optimized: { ...freed, bytes: Math.max(0, before - used), at: world.now() },
    });
  },
  async delete(services, environment) {
    if (!(await purgeEnvironment(services, environment.id))) return 0;
    // The name is free again.
    const name = `${environment.name} (deleted ${environment.id})`.slice(0, 200);
    return settle(services, environment, "deleted", { name });
  },
  async sweep(services, environment, { at }) {
    const left = at - services.world.now();
    if (left > 0) return left;
    if (!(await purgeEnvironment(services, environment.id))) return 0;
    await services.environments.move(environment.id, "deleted", "deleted", null, services.world.now());
    return undefined;
  },
  async transfer(services, environment, pending) {
    const item = pending.items[pending.done];
    if (item === undefined) {
      const { done, items, failed } = pending;
      return settle(services, environment, "ready", { transferred: { done, of: items.length, failed } });
    }
    const failed = [...pending.failed];
    try {
      await requireRoom(services.room, environment.id);
      await copyItem(services, pending, item);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code === "unavailable") throw error;
      failed.push({ item: `${item.kind} ${item.name}`.trim(), reason: error.message });
    }
    await services.environments.progress(environment.id, { ...pending, done: pending.done + 1, failed });
    return 0;
  },
};

function copyItem(
  { projectData }: EnvironmentServices,
  { from, to }: PendingChange & { kind: "transfer" },
  { kind, name, action }: CopyItem,
): Promise<void> {
  const copy = { from, to, name, action };
  switch (kind) {
    case "table":
      return projectData.copyTable(copy);
    case "keystore":
      return projectData.copyKeystore(copy);
    case "website":
    case "files":
      return projectData.copyFiles(copy);
    case "schema":
      return projectData.copySchema(from.environmentId, to.environmentId);
  }
}

/**
 * Gives a change up that could not be carried out however often it was tried.
 * @param reason for whoever asks how the environment stands
 * @returns whether the environment is in error now; a change that nobody asked for is never given up
 */
export async function giveUp(
  { environments, world }: EnvironmentServices,
  environmentId: number,
  reason: string,
): Promise<boolean> {
  const environment = await environments.find(environmentId);
  const change = environment?.pending ?? null;
  if (environment === undefined || change === null || !isFailable(change)) return false;
  const at = world.now();
  const failure = { change, reason, at };
  return environments.move(environmentId, environment.status, "error", null, at, { failure });
}

/** Writes down what an environment has become. */
async function settle(
  { environments, environmentDomain, world }: EnvironmentServices,
  environment: StoredEnvironment,
  to: EnvironmentStatus,
  fields: EnvironmentFields,
): Promise<number | undefined> {
  const now = world.now();
  const next = FOLLOWING[to]?.(now) ?? null;
  const mended: EnvironmentFields = environment.failure === null ? {} : { failure: null };
  // One that could not be created gets its host names by whichever change succeeds first.
  if (environment.failure?.change.kind === "create" && environment.host === null && to !== "deleted") {
    mended.host = newEnvironmentHost(environmentDomain);
  }
  await environments.move(environment.id, environment.status, to, next, now, { ...mended, ...fields });
  return next === null ? undefined : STATE_SHOWN_MS;
}

/** What is still to come when a state has been reached. */
const FOLLOWING: Partial<Record<EnvironmentStatus, (now: number) => PendingChange>> = {
  upgraded: () => ({ kind: "shown", next: "ready" }),
  deleted: (now) => ({ kind: "sweep", at: now + SWEEP_AFTER_MS }),
};
