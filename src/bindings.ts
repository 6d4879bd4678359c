import { z } from "zod";
import { SluiceError } from "./domain/errors";
import { MAX_SHARDS } from "./domain/process-id";
import type { AttemptCounter } from "./durable/attempt-counter";
import type { EnvironmentManager } from "./durable/environment-manager";
import type { ExclusionGroup } from "./durable/exclusion-group";
import type { Keystore } from "./durable/keystore";
import type { RateLimiter } from "./durable/rate-limit";
import type { RecordSweeper } from "./durable/record-sweeper";
import type { RunShard } from "./durable/run-shard";
import type { Scheduler } from "./durable/scheduler";
import type { WebhookInbox } from "./durable/webhook-inbox";

/** Milliseconds for which an isolate trusts what it knows of the catalogue's state before it looks again. */
const DEFAULT_CATALOG_MAX_AGE_MS = 1_000;

/** One object does some hundred runs a second; a few serve a busy environment, and a quiet one leaves them asleep. */
const DEFAULT_RUN_SHARDS = 8;
/** Three days: over a weekend. */
const DEFAULT_RUN_RETENTION_HOURS = 72;

/** 20 GB, the smallest package, are 200 MB: fifty of them fit into one database. */
const DEFAULT_STORAGE_BYTES_PER_GB = 10_000_000;
const DEFAULT_HISTORY_RETENTION_DAYS = 30;

/** Variables and secrets, as strings from the platform; parsed once per isolate. */
const Settings = z.object({
  /** First segment of the action API's URLs. */
  INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9._~-]+$/, "INSTANCE is one URL segment of letters, digits, . _ ~ -")
    .default("phixflow"),
  ADMIN_TOKEN: z.string().optional(),
  /** Cloudflare Access before the management API: the team's domain, and the application's audience tag. Both or none. */
  ACCESS_TEAM_DOMAIN: z
    .string()
    .regex(
      /^(?:https?:\/\/)?[\w.-]+(?::\d+)?$/,
      "ACCESS_TEAM_DOMAIN is a domain such as acme.cloudflareaccess.com",
    )
    .optional(),
  ACCESS_AUD: z.string().min(1).max(200).optional(),
  /** The secret `phixflow-api-key`, which signs API keys; and the one before it, whose keys still count. */
  PHIXFLOW_API_KEY: z.string().optional(),
  PHIXFLOW_API_KEY_PREVIOUS: z.string().optional(),
  /** Private hosts that flows may call all the same: `host`, `host:port`, separated by commas; `*` for all. */
  ALLOW_PRIVATE_HOSTS: z.string().max(10_000).default(""),
  /** DNS over HTTPS (JSON): where names are looked up before they are called, so that private addresses are refused. */
  DOH_URL: z
    .url({ protocol: /^https?$/, error: "DOH_URL is the URL of a DNS-over-HTTPS resolver" })
    .optional(),
  /** What stored secrets are encrypted under, and other keys are derived from: base64 of 32 bytes; and the one before it, to read what still is under it. */
  MASTER_KEY: z.string().optional(),
  /** Bytes that stand for one gigabyte of an environment's package, so that quotas bite below the database's own 10 GB. */
  STORAGE_BYTES_PER_GB: z.coerce.number().int().min(1_000).default(DEFAULT_STORAGE_BYTES_PER_GB),
  /** Domain under which environments get their host names. */
  ENVIRONMENT_DOMAIN: z
    .string()
    .regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/, "ENVIRONMENT_DOMAIN is a domain name in lower case")
    .default("sluice.localhost"),
  /** Days for which the history of runs is kept when an environment is optimized. */
  HISTORY_RETENTION_DAYS: z.coerce.number().int().min(1).default(DEFAULT_HISTORY_RETENTION_DAYS),
  MASTER_KEY_PREVIOUS: z.string().optional(),
  /** Origin at which others reach this deployment; where a call says it, that is taken when there is none. */
  PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: "PUBLIC_URL is an origin such as https://flows.example.com" })
    .transform((url) => new URL(url).origin)
    .optional(),
  CATALOG_MAX_AGE_MS: z.coerce.number().int().nonnegative().default(DEFAULT_CATALOG_MAX_AGE_MS),
  /** Objects that durable runs are spread over. May grow at any time; runs of shards that are no longer there are not found. */
  RUN_SHARDS: z.coerce.number().int().min(1).max(MAX_SHARDS).default(DEFAULT_RUN_SHARDS),
  /** Hours for which an ended durable run can be polled and run again; its history stays. */
  RUN_RETENTION_HOURS: z.coerce.number().int().min(1).default(DEFAULT_RUN_RETENTION_HOURS),
});
export type Settings = z.output<typeof Settings>;

/** What `wrangler.toml` binds. */
export interface Bindings {
  DB: D1Database;
  CATALOG: KVNamespace;
  /** Copies of keystore entries. */
  KEYSTORE: KVNamespace;
  HISTORY: Queue;
  ASSETS: Fetcher;
  KEYSTORE_OWNER: DurableObjectNamespace<Keystore>;
  EXCLUSION_GROUP: DurableObjectNamespace<ExclusionGroup>;
  ATTEMPT_COUNTER: DurableObjectNamespace<AttemptCounter>;
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  RUN_SHARD: DurableObjectNamespace<RunShard>;
  SCHEDULER: DurableObjectNamespace<Scheduler>;
  WEBHOOK_INBOX: DurableObjectNamespace<WebhookInbox>;
  RECORD_SWEEPER: DurableObjectNamespace<RecordSweeper>;
  INSTANCE?: string;
  ADMIN_TOKEN?: string;
  ACCESS_TEAM_DOMAIN?: string;
  ACCESS_AUD?: string;
  PHIXFLOW_API_KEY?: string;
  PHIXFLOW_API_KEY_PREVIOUS?: string;
  ALLOW_PRIVATE_HOSTS?: string;
  DOH_URL?: string;
  MASTER_KEY?: string;
  ENVIRONMENT_MANAGER: DurableObjectNamespace<EnvironmentManager>;
  STORAGE_BYTES_PER_GB?: string;
  ENVIRONMENT_DOMAIN?: string;
  HISTORY_RETENTION_DAYS?: string;
  MASTER_KEY_PREVIOUS?: string;
  PUBLIC_URL?: string;
  CATALOG_MAX_AGE_MS?: string;
  RUN_SHARDS?: string;
  RUN_RETENTION_HOURS?: string;
}

/** @throws SluiceError not_configured, naming the variable that is wrong */
export function parseSettings(bindings: Bindings): Settings {
  const parsed = Settings.safeParse(bindings);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SluiceError(
    "not_configured",
    `The deployment's setting ${issue?.path.join(".")} is wrong: ${issue?.message}.`,
  );
}
