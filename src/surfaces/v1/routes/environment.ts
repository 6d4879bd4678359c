import type { z } from "zod";
import type { CertificateDescription, CertificateName } from "../../../domain/certificate";
import { environmentHosts } from "../../../domain/environment-host";
import {
  EnvironmentChange,
  EnvironmentOrder,
  EnvironmentUpgrade,
  ProjectTransfer,
  packageOf,
  UrlMappings,
  UrlRemovals,
} from "../../../domain/environment-life";
import { type Statistics, storageState } from "../../../domain/environment-statistics";
import { SluiceError } from "../../../domain/errors";
import type { Json, JsonObject } from "../../../domain/json";
import { schemaProblems } from "../../../domain/schema-problems";
import { releaseOf } from "../../../domain/software";
import {
  type CertificateFiles,
  createEnvironment,
  type DescribedEnvironment,
  deleteEnvironment,
  describeEnvironment,
  listEnvironments,
  optimizeEnvironment,
  requireEnvironment,
  requireStanding,
  totalGb,
  updateEnvironment,
  updateVersion,
  upgradeEnvironment,
} from "../../../operations/environments/environments";
import type { StoredEnvironment, TransferResult } from "../../../operations/environments/ports";
import { deleteHostedProject, transferProject } from "../../../operations/environments/transfer-project";
import { listMappings, putMappings, removeMappings } from "../../../operations/environments/url-mappings";
import { bare, defineV1Route, type V1Answer, type V1Call, type V1Route } from "../route";

/** The environments chapter of the seed: answers are `{ code, data }`. */

const COMMON = { tag: "v1: environments", authority: "organization", body: "none" } as const;

/** `2022-08-01 00:00:00`, in UTC. */
function moment(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;

function answer(data: Json, status = 200, more: { lastModified?: number } = {}): V1Answer {
  return bare({ code: status, data }, { status, ...more });
}

/** How an environment looks on the wire; statistics and certificate only where the seed has them. */
function onWire(described: DescribedEnvironment, call: V1Call): JsonObject {
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
    active: environment.status === "ready" || environment.status === "upgraded" ? 1 : 0,
    region: environment.region,
    ip: "127.0.0.1",
    ...(progress === null ? {} : { progress: { ...progress, failed: [...progress.failed] } }),
    ...(environment.optimized === null ? {} : { optimized: environment.optimized }),
    ...(statistics === undefined ? {} : { stats: statisticsOnWire(statistics, used, percentage) }),
    ...(certificate === undefined ? {} : { ssl_certificate: certificateOnWire(certificate) }),
  };
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

function certificateOnWire(certificate: CertificateDescription): JsonObject {
  const { subject, issuer } = certificate;
  return {
    name: certificate.name,
    subject: {
      serial_number: subject.serialNumber,
      email_address: subject.emailAddress,
      common_name: subject.commonName,
      organization_name: subject.organizationName,
      organizational_unit_name: subject.organizationalUnitName,
      locality_name: subject.localityName,
      state_province_name: subject.stateProvinceName,
      country_name: subject.countryName,
    },
    hash: certificate.hash,
    issuer: issuerOnWire(issuer),
    version: certificate.version,
    serial_number: certificate.serialNumber,
    valid_from: certificate.validFrom,
    valid_to: certificate.validTo,
    signature_type_SN: certificate.signatureShortName,
    signature_type_LN: certificate.signatureLongName,
    signature_type_NID: certificate.signatureNid,
    purposes: certificate.purposes,
  };
}

function issuerOnWire(issuer: CertificateName): JsonObject {
  return {
    country_name: issuer.countryName,
    state_province_name: issuer.stateProvinceName,
    organization_name: issuer.organizationName,
    organizational_unit_name: issuer.organizationalUnitName,
    common_name: issuer.commonName,
    email_address: issuer.emailAddress,
  };
}

/** The body, checked. @throws SluiceError invalid_request with everything that is wrong */
function checked<T extends z.ZodType>(schema: T, value: Json | undefined): z.output<T> {
  const parsed = schema.safeParse(value === undefined ? {} : value);
  if (parsed.success) return parsed.data;
  const problems = schemaProblems(schema, parsed.error).map((problem) => ({
    ...problem,
    path: problem.path.replace(/^\//, "").replaceAll("/", "."),
  }));
  const [first] = problems;
  throw new SluiceError("invalid_request", `${first?.path || "The body"}: ${first?.reason}.`, { problems });
}

const standing = (call: V1Call): Promise<StoredEnvironment> =>
  requireStanding(call.services, call.principal.organizationId, call.path.environment_id);

async function shown(
  call: V1Call,
  environment: StoredEnvironment,
  statistics: boolean,
  status = 200,
): Promise<V1Answer> {
  const described = await describeEnvironment(call.services, environment, { statistics });
  return answer(onWire(described, call), status);
}

const listRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment",
  summary: "Get the environments of the organization",
  listIn: "data",
  async handle(call) {
    const environments = await listEnvironments(call.services, call.principal.organizationId);
    return answer(environments.map((each) => onWire(each, call)));
  },
});

const readRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}",
  summary: "Get an environment by its id",
  handle: async (call) => shown(call, await standing(call), true),
});

const statusRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}/status",
  summary: "Get the status of an environment",
  async handle(call) {
    const environment = await requireEnvironment(
      call.services,
      call.principal.organizationId,
      call.path.environment_id,
    );
    if (environment.pending !== null) await call.services.environmentWorkers.wake(environment.id);
    return answer({ id: String(environment.id), status: environment.status });
  },
});

const createRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment",
  summary: "Create an environment",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const order = checked(EnvironmentOrder, call.body.value);
    const created = await createEnvironment(call.services, call.principal.organizationId, order);
    return shown(call, created, false, 201);
  },
});

const updateRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}",
  summary: "Update an environment's name, description and certificate",
  body: "data",
  accepts: ["multipart", "form", "json", "xml"],
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    const change = checked(EnvironmentChange, call.body.value);
    const files = certificateFiles(call.body.value as JsonObject);
    await updateEnvironment(call.services, environment, change, files);
    return shown(call, await standing(call), true);
  },
});

/** Files of a form come as objects with their text; other bodies may have the PEM text itself. */
function certificateFiles(body: JsonObject): CertificateFiles {
  return {
    pem: texts(body.pem_file, "pem_file")[0],
    privateKey: texts(body.private_key_file, "private_key_file")[0],
    certificate: texts(body.certificate_file, "certificate_file")[0],
    chain: [...texts(body.chain_files, "chain_files"), ...texts(body["chain_files[]"], "chain_files")],
  };
}

function texts(value: Json | undefined, field: string): string[] {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return value.flatMap((each) => texts(each, field));
  if (typeof value === "string") return [value];
  if (typeof value === "object" && typeof value.text === "string")
    return value.size === 0 ? [] : [value.text];
  const reason = "the file is no text; send PEM";
  throw new SluiceError("invalid_request", `${field}: ${reason}.`, { problems: [{ path: field, reason }] });
}

const upgradeRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/upgrade",
  summary: "Upgrade an environment's package, or add storage",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    const upgrade = checked(EnvironmentUpgrade, call.body.value);
    return shown(call, await upgradeEnvironment(call.services, environment, upgrade), false);
  },
});

const versionRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/update-version",
  summary: "Update an environment to the latest version",
  handle: async (call) => shown(call, await updateVersion(call.services, await standing(call)), false),
});

const optimizeRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/optimize",
  summary: "Optimize the storage of an environment",
  handle: async (call) => shown(call, await optimizeEnvironment(call.services, await standing(call)), false),
});

const deleteRoute = defineV1Route({
  ...COMMON,
  method: "DELETE",
  path: "/v1/environment/{environment_id}",
  summary: "Delete an environment",
  handle: async (call) => shown(call, await deleteEnvironment(call.services, await standing(call)), false),
});

const projectsRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}/projects",
  summary: "Get the projects that an environment hosts",
  listIn: "data",
  async handle(call) {
    const environment = await standing(call);
    const projects = await call.services.environments.projects(environment.id);
    return answer(
      projects.map(({ id, name, version, createdAt, updatedAt }) => ({
        id: String(id),
        name,
        version,
        date_created: moment(createdAt),
        date_updated: moment(updatedAt),
      })),
    );
  },
});

const addProjectRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/project/{project_id}",
  summary: "Add a project to an environment, or update it",
  body: "data",
  async handle(call) {
    const { services, principal } = call;
    const target = await transferProject(services, await standing(call), {
      organizationId: principal.organizationId,
      projectId: call.path.project_id,
      transfer: checked(ProjectTransfer, call.body.value),
      by: principal.name,
    });
    return shown(call, target, true);
  },
});

const deleteProjectRoute = defineV1Route({
  ...COMMON,
  method: "DELETE",
  path: "/v1/environment/{environment_id}/project/{project_id}",
  summary: "Delete a project from an environment",
  async handle(call) {
    await deleteHostedProject(call.services, await standing(call), call.path.project_id, call.principal.name);
    return shown(call, await standing(call), true);
  },
});

async function mapped(call: V1Call, environment: StoredEnvironment): Promise<V1Answer> {
  const mappings = await listMappings(call.services, environment);
  return bare({
    data: {
      urls_mapped: mappings.map(({ url, projectId, name, type, createdAt, updatedAt }) => ({
        url,
        project_id: projectId,
        name,
        type,
        date_created: moment(createdAt),
        date_updated: moment(updatedAt),
      })),
    },
    code: 200,
  });
}

const urlsRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}/urls",
  summary: "Get the URLs that are mapped to websites and hosted pages",
  handle: async (call) => mapped(call, await standing(call)),
});

const mapRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/urls",
  summary: "Map URLs to websites and hosted pages",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    await putMappings(call.services, environment, checked(UrlMappings, call.body.value));
    return mapped(call, environment);
  },
});

const unmapRoute = defineV1Route({
  ...COMMON,
  method: "DELETE",
  path: "/v1/environment/{environment_id}/urls",
  summary: "Delete mappings of URLs",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    await removeMappings(call.services, environment, checked(UrlRemovals, call.body.value));
    return mapped(call, environment);
  },
});

export const environmentRoutes: readonly V1Route[] = [
  listRoute,
  createRoute,
  readRoute,
  updateRoute,
  deleteRoute,
  statusRoute,
  upgradeRoute,
  versionRoute,
  optimizeRoute,
  projectsRoute,
  addProjectRoute,
  deleteProjectRoute,
  urlsRoute,
  mapRoute,
  unmapRoute,
];
