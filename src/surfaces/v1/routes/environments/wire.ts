import { environmentHosts } from "../../../../domain/environment-host";
import { packageOf } from "../../../../domain/environment-life";
import { type Statistics, storageState } from "../../../../domain/environment-statistics";
import type { Json, JsonObject } from "../../../../domain/json";
import { releaseOf } from "../../../../domain/software";
import { type DescribedEnvironment, totalGb } from "../../../../operations/environments/environments";
import type { StoredEnvironment, TransferResult } from "../../../../operations/environments/ports";
import { bare, type V1Answer, type V1Call } from "../../route";
import { certificateOnWire } from "./certificate-wire";

/** `2022-08-01 00:00:00`, in UTC. */
export function moment(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

export function answer(data: Json, status = 200, more: { lastModified?: number } = {}): V1Answer {
  return bare({ code: status, data }, { status, ...more });
}

/** States of environments that are not there to be used, and are not about to be. */
const INACTIVE: readonly StoredEnvironment["status"][] = ["error", "deleting", "deleted"];

/** How an environment looks on the wire; statistics and certificate only where the seed has them. */
export function environmentOnWire(described: DescribedEnvironment, call: V1Call): JsonObject {
  const { environment, projects, statistics, certificate } = described;
  const hosts = environmentHosts(environment.host);
  const { name, code, storageGb } = packageOf(environment.package);
  const release = releaseOf(environment.software);
  const total = totalGb(environment);
  const used = environment.usedBytes / call.services.bytesPerGb;
  const percentage = total === 0 ? 0 : (used / total) * 100;
  const progress = transferProgress(environment);
  return {
    id: String(environment.id),
    name: environment.name,
    description: environment.description,
    date_created: moment(environment.createdAt),
    date_updated: moment(environment.updatedAt),
    info: {
      frontend_url: hosts.frontend,
      api_url: hosts.api,
      html_url: hosts.html,
      timezone: environment.timezone,
    },
    status: environment.status,
    ...failureOnWire(environment),
    projects: projects.map(String),
    package: { name, code },
    software: {
      current_version: {
        version: release.version,
        date_created: moment(release.releasedAt),
        blocking_update: release.blocking ? 1 : 0,
        changelog: new URL(release.changelog, call.url).href,
      },
    },
    base_storage: storageGb,
    total_storage: total,
    storage_addons: Array.from({ length: Math.round(environment.extraStorageGb / 100) }, () => 100),
    storage_info: {
      used: round(used),
      total,
      used_percentage: round(percentage),
      available_percentage: round(Math.max(0, 100 - percentage)),
    },
    // 1 while it is made or changed, too, as the seed has it.
    active: INACTIVE.includes(environment.status) ? 0 : 1,
    region: environment.region,
    ip: "127.0.0.1",
    ...(progress === null ? {} : { progress: { ...progress, failed: [...progress.failed] } }),
    ...(environment.optimized === null ? {} : { optimized: environment.optimized }),
    ...(statistics === undefined ? {} : { stats: statisticsOnWire(statistics, used, percentage) }),
    ...(certificate === undefined ? {} : { ssl_certificate: certificateOnWire(certificate) }),
  };
}

/** Why an environment is in error; nothing for one that is not. */
export function failureOnWire({ status, failure }: StoredEnvironment): JsonObject {
  if (status !== "error" || failure === null) return {};
  const { change, reason, at } = failure;
  return { error: { change: change.kind, message: reason, date: moment(at) } };
}

/** Of the copying that goes on, else of the last one. */
function transferProgress({ pending, transferred }: StoredEnvironment): TransferResult | null {
  if (pending?.kind !== "transfer") return transferred;
  return { done: pending.done, of: pending.items.length, failed: pending.failed };
}

function statisticsOnWire(statistics: Statistics, used: number, percentage: number): JsonObject {
  const { visits, records, batches, webhooks, tasks, averageMs, peakMs } = statistics;
  return {
    status: storageState(percentage),
    current_storage: round(used),
    visits,
    records,
    batches,
    webhooks,
    tasks,
    avg_performance: round(averageMs),
    peak_performance: round(peakMs),
  };
}
