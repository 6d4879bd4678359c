import { waitUntil } from "cloudflare:workers";
import { CachedAccess } from "./adapters/cached-access";
import { checkCertificate } from "./adapters/certificates/certificate-reader";
import { AccessStore } from "./adapters/d1/access-store";
import { AnnouncedProjects } from "./adapters/d1/announced-projects";
import { D1ApiKeys } from "./adapters/d1/api-keys";
import { D1AuditTrail } from "./adapters/d1/audit-trail";
import { CatalogSource } from "./adapters/d1/catalog-source";
import { D1Directory } from "./adapters/d1/directory";
import { D1DroppedKeystores } from "./adapters/d1/dropped-keystores";
import { EnvironmentPurge } from "./adapters/d1/environment-purge";
import { regionOf } from "./adapters/d1/environment-region";
import { D1Environments } from "./adapters/d1/environments";
import { D1InterfaceCredentials } from "./adapters/d1/interface-credentials";
import { D1ObjectStorage } from "./adapters/d1/object-storage";
import { D1Organizations } from "./adapters/d1/organizations";
import { OwnedKeys } from "./adapters/d1/owned-keys";
import { CopiedProjectData } from "./adapters/d1/project-data";
import { D1RecordSchemas } from "./adapters/d1/records/schemas";
import { D1Records } from "./adapters/d1/records/store";
import { D1RunLog } from "./adapters/d1/run-log";
import { D1ScheduleSource } from "./adapters/d1/schedule-source";
import { D1SecretVault } from "./adapters/d1/secret-vault";
import { D1SiteFiles } from "./adapters/d1/site-files";
import { D1Tables } from "./adapters/d1/tables/d1-tables";
import { D1TableSchemas } from "./adapters/d1/tables/schema";
import { D1TableSessions } from "./adapters/d1/tables/sessions";
import { VisitCounter } from "./adapters/d1/visit-counter";
import { DurableAttemptGuard } from "./adapters/durable/attempt-guard";
import { DurableEnvironmentWorkers } from "./adapters/durable/environment-workers";
import { DurableExclusionGroups } from "./adapters/durable/exclusion-client";
import { mayTravelTogether } from "./adapters/durable/gathered-calls";
import { DurableKeystores } from "./adapters/durable/keystores";
import { Placement } from "./adapters/durable/placement";
import { DurableRateLimiter } from "./adapters/durable/rate-limiter";
import { DurableRecordRuns } from "./adapters/durable/record-runs";
import { DurableRunShards } from "./adapters/durable/run-shards";
import { DurableSchedulers } from "./adapters/durable/schedulers";
import { DurableWebhookInboxes } from "./adapters/durable/webhook-inboxes";
import { EnvironmentRemains } from "./adapters/environment-remains";
import { ConnectionPools } from "./adapters/http/connection-pools";
import { HttpOutgoing } from "./adapters/http/outgoing";
import { CachedCatalog } from "./adapters/kv/cached-catalog";
import { CachedKeys } from "./adapters/kv/cached-keys";
import { LightHost } from "./adapters/light-host";
import { BufferedRunHistory } from "./adapters/queue/run-history";
import { SecretCipher } from "./adapters/secret-cipher";
import { CachedSiteMap } from "./adapters/site-map";
import { StorageQuota } from "./adapters/storage-quota";
import { AccessVerifier } from "./auth/access-jwt";
import { badKey, expiredKey, KeySigner } from "./auth/api-key";
import { CallbackSigner } from "./auth/callback-token";
import { type Bindings, parseSettings, type Settings } from "./bindings";
import { FlowDefinition } from "./domain/flow";
import type { FlowPointer, StoredVersion } from "./domain/flow-address";
import { logError } from "./domain/operator-log";
import { newLightRunId } from "./domain/process-id";
import { compileFlow } from "./engine/compile";
import type { Plan } from "./engine/plan";
import { registry } from "./nodes/registry";
import type { InterfaceServices } from "./operations/access/interfaces";
import type { EventTokenKind, KeyServices } from "./operations/access/keys";
import type { OrganizationServices } from "./operations/access/organizations";
import type { ApiKeyKind } from "./operations/access/ports";
import type { TokenServices } from "./operations/access/tokens";
import type { AccountServices } from "./operations/accounts";
import type { ApplyServices } from "./operations/apply-project";
import type { AuditTrail } from "./operations/audit";
import type { AdminAuthentication } from "./operations/authenticate-admin";
import type { ObjectStorage } from "./operations/environments/ports";
import { keystoresWithRoom, tablesWithRoom } from "./operations/environments/storage-room";
import type { MappingServices } from "./operations/environments/url-mappings";
import type { KeystoreServices } from "./operations/keystores";
import type { ExclusionGroups, RunLog, Schedulers, World } from "./operations/ports";
import type { WebhookServices } from "./operations/receive-webhook";
import { SchemaCache, type SchemaServices } from "./operations/records/data-schema";
import type { RecordServices } from "./operations/records/start-records";
import type { SecretServices } from "./operations/secrets";
import type { Visits } from "./operations/sites/ports";
import type { SiteServices } from "./operations/sites/serve-site";
import type { TableServices } from "./operations/tables/open-table";
import type { TriggerServices } from "./operations/trigger-flow";

/** Everything that operations need, over this deployment's bindings. */
export interface Services
  extends TriggerServices,
    ApplyServices,
    MappingServices,
    SiteServices,
    TokenServices,
    WebhookServices,
    AccountServices,
    KeystoreServices,
    SecretServices,
    TableServices,
    OrganizationServices,
    KeyServices,
    InterfaceServices,
    RecordServices,
    SchemaServices,
    AdminAuthentication {
  audit: AuditTrail;
  visits: Visits;
  world: World;
  objectStorage: ObjectStorage;
  access: CachedAccess;
  catalog: CachedCatalog;
  settings: Settings;
  runs: RunLog;
  runLog: D1RunLog;
  schedulers: Schedulers;
  scheduleSource: D1ScheduleSource;
  /** Absent where the deployment has no master key. */
  callbackSigner: CallbackSigner | undefined;
  assets: Fetcher;
  /** Exclusion groups as an object of ours asks for them: its calls are its own, and end with it. */
  groupsOf: (background: (work: Promise<unknown>) => void, together?: boolean) => ExclusionGroups;
}

const DAY_MS = 86_400_000;

const composed = new WeakMap<Bindings, Services>();
/** Those of the last request: an isolate has the same bindings all its life, but for tests. */
let last: { bindings: Bindings; services: Services } | undefined;

/** The services of an isolate: made once, since their caches are what makes a warm trigger fast. */
export function servicesOf(bindings: Bindings): Services {
  if (last?.bindings === bindings) return last.services;
  let services = composed.get(bindings);
  if (services === undefined) {
    services = compose(bindings);
    composed.set(bindings, services);
  }
  last = { bindings, services };
  return services;
}

function compose(bindings: Bindings): Services {
  const settings = parseSettings(bindings);
  const world: World = {
    now: () => Date.now(),
    newRunId: (startedAt) => newLightRunId(startedAt),
    random: () => Math.random(),
  };
  const background = (work: Promise<unknown>): void => {
    waitUntil(
      work.catch((error: unknown) => {
        // What runs after an answer has no caller to tell.
        logError("background work failed", error);
      }),
    );
  };
  const placement = new Placement({ regionOf: (environmentId) => regionOf(bindings.DB, environmentId) });
  const access = new CachedAccess({
    store: new AccessStore(bindings.DB, settings.ENVIRONMENT_DOMAIN),
    now: world.now,
    background,
  });
  const catalog = new CachedCatalog({
    kv: bindings.CATALOG,
    source: new CatalogSource(bindings.DB, settings.ENVIRONMENT_DOMAIN),
    maxAgeMs: settings.CATALOG_MAX_AGE_MS,
    now: world.now,
    compile: compileStored,
    background,
    // What interfaces declare comes with a publication.
    onAdvance: () => access.forget(),
  });
  const keystores = new DurableKeystores({
    namespace: placement.of(bindings.KEYSTORE_OWNER),
    kv: bindings.KEYSTORE,
    catalog,
    now: world.now,
  });
  const objectStorage = new D1ObjectStorage(bindings.DB);
  const runLog = new D1RunLog(bindings.DB);
  const schedulers = new DurableSchedulers(placement.of(bindings.SCHEDULER));
  // Which database an environment's data is in; today there is one.
  const databaseOf = () => bindings.DB;
  const tables = new D1Tables({ databaseOf, now: world.now, random: world.random });
  const signer = new KeySigner(settings.PHIXFLOW_API_KEY, settings.PHIXFLOW_API_KEY_PREVIOUS);
  const keyStore = new D1ApiKeys(bindings.DB);
  const groupsOf: Services["groupsOf"] = (work, together = true) =>
    new DurableExclusionGroups({
      namespace: placement.of(bindings.EXCLUSION_GROUP),
      background: work,
      together,
    });
  const exclusion = groupsOf(background, mayTravelTogether());
  const cipher = new SecretCipher(settings.MASTER_KEY, settings.MASTER_KEY_PREVIOUS);
  const vault = new D1SecretVault(bindings.DB, cipher, world.now);
  const schemas = new D1RecordSchemas(bindings.DB);
  const environments = new D1Environments(bindings.DB, cipher);
  const outgoing = new HttpOutgoing({
    privateHosts: settings.ALLOW_PRIVATE_HOSTS,
    resolver: settings.DOH_URL,
    pools: new ConnectionPools(exclusion),
  });
  const room = new StorageQuota({
    environments,
    bytesPerGb: settings.STORAGE_BYTES_PER_GB,
    now: world.now,
    background,
  });
  const keystoresInRoom = keystoresWithRoom(keystores, room);
  return {
    background,
    records: new D1Records(bindings.DB),
    recordRuns: new DurableRecordRuns({
      namespace: placement.of(bindings.RUN_SHARD),
      sweepers: placement.of(bindings.RECORD_SWEEPER),
      shards: settings.RUN_SHARDS,
      now: world.now,
    }),
    schemas,
    schemaCache: new SchemaCache(schemas, settings.CATALOG_MAX_AGE_MS, world.now),
    environments,
    objectStorage,
    room,
    environmentWorkers: new DurableEnvironmentWorkers(placement.of(bindings.ENVIRONMENT_MANAGER)),
    certificates: { check: checkCertificate },
    projectData: new CopiedProjectData({ db: bindings.DB, keystores: keystoresInRoom }),
    remains: new EnvironmentRemains({
      rows: new EnvironmentPurge(bindings.DB),
      shards: placement.of(bindings.RUN_SHARD),
      shardCount: settings.RUN_SHARDS,
      schedulers: placement.of(bindings.SCHEDULER),
      sweepers: placement.of(bindings.RECORD_SWEEPER),
      inboxes: placement.of(bindings.WEBHOOK_INBOX),
      keystores: placement.of(bindings.KEYSTORE_OWNER),
      catalogCopies: bindings.CATALOG,
      keystoreCopies: bindings.KEYSTORE,
    }),
    bytesPerGb: settings.STORAGE_BYTES_PER_GB,
    environmentDomain: settings.ENVIRONMENT_DOMAIN,
    retentionMs: settings.HISTORY_RETENTION_DAYS * DAY_MS,
    siteFiles: new D1SiteFiles(bindings.DB),
    siteMap: new CachedSiteMap(environments, world.now),
    visits: new VisitCounter(bindings.DB, background),
    settings,
    world,
    catalog,
    access,
    tokens: access,
    credentials: new D1InterfaceCredentials(bindings.DB),
    organizations: new D1Organizations(bindings.DB),
    hosts: catalog,
    apiKeys: new OwnedKeys<ApiKeyKind>(bindings.DB, "organization_keys"),
    eventTokens: new OwnedKeys<EventTokenKind>(bindings.DB, "event_tokens"),
    limiter: new DurableRateLimiter({ namespace: bindings.RATE_LIMITER, now: world.now, background }),
    registry,
    callTargets: outgoing,
    projects: new AnnouncedProjects(bindings.DB, schedulers),
    schedulers,
    scheduleSource: new D1ScheduleSource(bindings.DB),
    tableSessions: new D1TableSessions({ databaseOf, now: world.now, random: world.random }),
    tableSchemas: new D1TableSchemas(databaseOf, world.now),
    keystores: keystoresInRoom,
    droppedKeystores: new D1DroppedKeystores(bindings.DB),
    history: new BufferedRunHistory({ queue: bindings.HISTORY, log: runLog, background, now: world.now }),
    host: new LightHost(catalog, {
      outgoing,
      tables: tablesWithRoom(tables, room),
      keystores: keystoresInRoom,
      secrets: vault,
    }),
    shards: new DurableRunShards({
      namespace: placement.of(bindings.RUN_SHARD),
      shards: settings.RUN_SHARDS,
      random: world.random,
      now: world.now,
      background,
      together: mayTravelTogether(),
    }),
    inboxes: new DurableWebhookInboxes(placement.of(bindings.WEBHOOK_INBOX)),
    audit: new D1AuditTrail(bindings.DB),
    adminToken: settings.ADMIN_TOKEN,
    accessTokens: accessVerifier(settings, world.now),
    attempts: new DurableAttemptGuard({ namespace: bindings.ATTEMPT_COUNTER, now: world.now }),
    directory: new D1Directory(bindings.DB),
    keyStore,
    vault,
    secretNames: vault,
    signer,
    keys: new CachedKeys({
      kv: bindings.CATALOG,
      source: keyStore,
      maxAgeMs: settings.CATALOG_MAX_AGE_MS,
      now: world.now,
      verify: (token, now) => signer.verify(token, now),
      refuse: { bad: badKey, expired: expiredKey },
      background,
    }),
    exclusion,
    groupsOf,
    runs: runLog,
    runLog,
    callbackSigner: CallbackSigner.of(settings.MASTER_KEY, settings.MASTER_KEY_PREVIOUS),
    assets: bindings.ASSETS,
  };
}

function accessVerifier(
  { ACCESS_TEAM_DOMAIN: teamDomain, ACCESS_AUD: audience }: Settings,
  now: () => number,
): AccessVerifier | undefined {
  if (teamDomain === undefined || audience === undefined) return undefined;
  return new AccessVerifier({ teamDomain, audience, now, fetch: (url, init) => fetch(url, init) });
}

/** Compiles a stored version again, in an isolate that has not seen it yet. It was checked when it was applied. */
function compileStored(stored: StoredVersion, pointer: FlowPointer): Plan {
  const { plan, problems } = compileFlow(
    FlowDefinition.parse(stored.definition),
    {
      environmentId: pointer.environmentId,
      projectId: pointer.projectId,
      project: pointer.project,
      flowId: pointer.flowId,
      version: pointer.version,
    },
    {
      registry,
      flowNames: () => Object.keys(stored.calls),
      flowOutputs: (name) => stored.calls[name],
      constants: stored.constants ?? {},
      resourceNames: (kind) => Object.keys(stored.uses?.[kind] ?? {}),
      resource: (kind, name) => stored.uses?.[kind]?.[name] as never,
    },
  );
  const [problem] = problems;
  if (problem !== undefined) {
    throw new Error(
      `version ${pointer.version} of flow ${pointer.flowId} no longer compiles: ${problem.path}: ${problem.reason}`,
    );
  }
  return plan;
}
