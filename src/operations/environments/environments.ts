import type { CertificateDescription, CertificateProblem } from "../../domain/certificate";
import { environmentHosts } from "../../domain/environment-host";
import {
  type EnvironmentChange,
  type EnvironmentOrder,
  type EnvironmentStatus,
  type EnvironmentUpgrade,
  isLarger,
  mayBecome,
  packageOf,
  STORAGE_STEP_GB,
} from "../../domain/environment-life";
import type { Statistics } from "../../domain/environment-statistics";
import { SluiceError } from "../../domain/errors";
import { MAX_ENVIRONMENTS } from "../../domain/limits";
import { CHANGE_STATES, type PendingChange } from "../../domain/pending-change";
import { LATEST_RELEASE } from "../../domain/software";
import type { ApplyServices } from "../apply-project";
import type {
  Certificates,
  EnvironmentFields,
  EnvironmentStore,
  EnvironmentWorkers,
  ProjectData,
  StoredEnvironment,
} from "./ports";
import type { EnvironmentRemains } from "./purge-environment";
import type { StorageRoom } from "./storage-room";

export interface EnvironmentServices extends ApplyServices {
  environments: EnvironmentStore;
  environmentWorkers: EnvironmentWorkers;
  room: StorageRoom;
  certificates: Certificates;
  projectData: ProjectData;
  remains: EnvironmentRemains;
  /** Copies of what host names lead to, here and at the edge. */
  hosts: { forgetHosts(hosts: readonly string[]): Promise<void> };
  /** Bytes that stand for one gigabyte of a package. */
  bytesPerGb: number;
  /** Domain under which environments have host names. */
  environmentDomain: string;
  /** Milliseconds for which runs are kept. */
  retentionMs: number;
}

/** An environment with all that is told of it. */
export interface DescribedEnvironment {
  environment: StoredEnvironment;
  projects: readonly number[];
  statistics: Statistics | undefined;
  certificate: CertificateDescription | undefined;
}

/** Milliseconds for which a count of the bytes in use is good enough. */
const MEASURE_AGE_MS = 60_000;

export function totalGb(environment: Pick<StoredEnvironment, "package" | "extraStorageGb">): number {
  return packageOf(environment.package).storageGb + environment.extraStorageGb;
}

/**
 * An environment of the organization.
 * @throws SluiceError not_found for one that does not exist, or is another organization's: nobody can tell which
 */
export async function requireEnvironment(
  services: Pick<EnvironmentServices, "environments">,
  organizationId: number,
  id: string | undefined,
): Promise<StoredEnvironment> {
  const number = /^\d{1,15}$/.test(id ?? "") ? Number(id) : undefined;
  const found = number === undefined ? undefined : await services.environments.find(number);
  if (found === undefined || found.organizationId !== organizationId) {
    throw new SluiceError("not_found", "The organization has no environment with this id.");
  }
  return found;
}

/** One that has been deleted is known by its state alone. @throws SluiceError not_found */
export async function requireStanding(
  services: Pick<EnvironmentServices, "environments">,
  organizationId: number,
  id: string | undefined,
): Promise<StoredEnvironment> {
  const environment = await requireEnvironment(services, organizationId, id);
  if (environment.status !== "deleted") return environment;
  throw new SluiceError("not_found", "The environment with this id has been deleted.");
}

export async function listEnvironments(
  services: EnvironmentServices,
  organizationId: number,
): Promise<DescribedEnvironment[]> {
  const environments = await services.environments.list(organizationId);
  const projects = await services.environments.projectIds(organizationId);
  return Promise.all(
    environments.map(async (environment) => ({
      environment: await measured(services, environment),
      projects: projects.get(environment.id) ?? [],
      statistics: await services.environments.statistics(environment.id, services.world.now()),
      certificate: undefined,
    })),
  );
}

export async function describeEnvironment(
  services: EnvironmentServices,
  found: StoredEnvironment,
  more: { statistics: boolean } = { statistics: true },
): Promise<DescribedEnvironment> {
  const environment = await measured(services, found);
  const projects = await services.environments.projects(environment.id);
  return {
    environment,
    projects: projects.map(({ id }) => id),
    statistics: more.statistics
      ? await services.environments.statistics(environment.id, services.world.now())
      : undefined,
    certificate: more.statistics ? await services.environments.certificate(environment.id) : undefined,
  };
}

/** Counts the bytes in use when they were not counted lately; a change that hangs is taken up again. */
async function measured(
  services: EnvironmentServices,
  environment: StoredEnvironment,
): Promise<StoredEnvironment> {
  if (environment.pending !== null) await services.environmentWorkers.wake(environment.id);
  const now = services.world.now();
  if (now - environment.measuredAt < MEASURE_AGE_MS) return environment;
  const usedBytes = await services.environments.measure(environment.id, now);
  return { ...environment, usedBytes, measuredAt: now };
}

/** Makes an environment; it is `creating` until its object has made it ready. @throws SluiceError conflict */
export async function createEnvironment(
  services: EnvironmentServices,
  organizationId: number,
  order: EnvironmentOrder,
): Promise<StoredEnvironment> {
  const { environments, world } = services;
  const present = await environments.list(organizationId);
  if (present.length >= MAX_ENVIRONMENTS) {
    throw new SluiceError(
      "conflict",
      `An organization has at most ${MAX_ENVIRONMENTS} environments (MAX_ENVIRONMENTS); delete one first.`,
      { limit: "MAX_ENVIRONMENTS" },
    );
  }
  const created = await environments.create(
    { organizationId, ...order, software: LATEST_RELEASE.version },
    { kind: "create" },
    world.now(),
  );
  if (created === undefined) throw nameTaken(order.name);
  // Should this be lost, whoever asks how the environment stands wakes its object again.
  await services.environmentWorkers.wake(created.id);
  return created;
}

function nameTaken(name: string): SluiceError {
  return new SluiceError("conflict", `The organization has an environment named "${name}" already.`, {
    problems: [{ path: "name", reason: "the organization has an environment of this name" }],
  });
}

/** Files of an update, as they were sent. */
export interface CertificateFiles {
  pem: string | undefined;
  privateKey: string | undefined;
  certificate: string | undefined;
  chain: readonly string[];
}

/** Changes name, description and certificate. @throws SluiceError invalid_request, conflict */
export async function updateEnvironment(
  services: EnvironmentServices,
  environment: StoredEnvironment,
  change: EnvironmentChange,
  files: CertificateFiles,
): Promise<void> {
  requireReady(environment, "updating");
  const { environments, world } = services;
  const now = world.now();
  const certificate = await checkedCertificate(services, files, now);
  const { name, description } = change;
  const fields = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
  if (!(await environments.change(environment.id, fields, now))) throw nameTaken(name ?? "");
  if (certificate !== undefined) await environments.setCertificate(environment.id, certificate, now);
  else if (change.delete_certificate === "1") await environments.removeCertificate(environment.id);
  // What failed is tried again by this, the seed's way to update an environment.
  const { failure } = environment;
  if (environment.status === "error" && failure !== null) {
    await begin(services, environment, CHANGE_STATES[failure.change.kind], failure.change);
  }
}

const REASONS: Record<CertificateProblem, string> = {
  no_certificate: "there is no certificate in it; send PEM, which begins with -----BEGIN CERTIFICATE-----",
  no_private_key: "there is no private key in it; send PEM, which begins with -----BEGIN PRIVATE KEY-----",
  unreadable_certificate: "the certificate cannot be read",
  unreadable_private_key: "the private key cannot be read",
  encrypted_private_key: "the private key is encrypted; send it without a passphrase",
  key_mismatch: "the private key is not that of the certificate",
  broken_chain:
    "a certificate of the chain did not issue the one before it; send all from the issuer to the root",
  expired: "the certificate has expired",
  not_yet_valid: "the certificate is not valid yet",
};
const FIELDS: Partial<Record<CertificateProblem, string>> = {
  no_private_key: "private_key_file",
  unreadable_private_key: "private_key_file",
  encrypted_private_key: "private_key_file",
  broken_chain: "chain_files",
};

async function checkedCertificate(services: EnvironmentServices, files: CertificateFiles, now: number) {
  const { certificates } = services;
  // With a PEM file the others are ignored (seed).
  const upload =
    files.pem === undefined
      ? { certificate: files.certificate, privateKey: files.privateKey, chain: files.chain }
      : { certificate: files.pem, privateKey: files.pem, chain: [] };
  const { certificate, privateKey, chain } = upload;
  if (certificate === undefined && privateKey === undefined) {
    if (chain.length === 0) return undefined;
    throw wrongFile("certificate_file", "a chain belongs to a certificate; send that and its key with it");
  }
  if (certificate === undefined)
    throw wrongFile("certificate_file", "send the certificate with its private key");
  if (privateKey === undefined)
    throw wrongFile("private_key_file", "send the private key with its certificate");
  const checked = await certificates.check({ certificate, privateKey, chain }, now);
  if (checked.ok) return checked;
  const field = files.pem === undefined ? (FIELDS[checked.problem] ?? "certificate_file") : "pem_file";
  throw wrongFile(field, REASONS[checked.problem]);
}

function wrongFile(path: string, reason: string): SluiceError {
  return new SluiceError("invalid_request", `${path}: ${reason}.`, { problems: [{ path, reason }] });
}

/** @throws SluiceError conflict when the environment is in a state from which it cannot change so */
export function requireReady(environment: StoredEnvironment, to: EnvironmentStatus): void {
  const { status, failure } = environment;
  const undeletable = status === "error" && failure?.change.kind === "delete" && to !== "deleting";
  if (mayBecome(status, to) && !undeletable) return;
  if (status === "error") {
    throw new SluiceError(
      "conflict",
      `The environment could not be deleted, and takes nothing but being deleted again: DELETE /v1/environment/${environment.id}.`,
      { state: status },
    );
  }
  throw new SluiceError(
    "conflict",
    `The environment is ${environment.status}; wait until GET /v1/environment/${environment.id}/status says ready.`,
    { retryAfter: 1, state: environment.status },
  );
}

/** Upgrades package or storage: upwards only. @throws SluiceError invalid_request, conflict */
export async function upgradeEnvironment(
  services: EnvironmentServices,
  environment: StoredEnvironment,
  upgrade: EnvironmentUpgrade,
): Promise<StoredEnvironment> {
  if (upgrade.package !== undefined && !isLarger(upgrade.package, environment.package)) {
    const reason = `the environment has the package ${environment.package}, and packages only grow`;
    throw new SluiceError("invalid_request", `package: ${reason}.`, {
      problems: [{ path: "package", reason }],
    });
  }
  const pending: PendingChange =
    upgrade.package !== undefined
      ? { kind: "package", package: upgrade.package }
      : { kind: "storage", gigabytes: STORAGE_STEP_GB };
  return begin(services, environment, "upgrading", pending);
}

export function updateVersion(
  services: EnvironmentServices,
  environment: StoredEnvironment,
): Promise<StoredEnvironment> {
  const pending: PendingChange = { kind: "version", version: LATEST_RELEASE.version };
  return begin(services, environment, "upgrading", pending);
}

export function optimizeEnvironment(
  services: EnvironmentServices,
  environment: StoredEnvironment,
): Promise<StoredEnvironment> {
  return begin(services, environment, "upgrading", { kind: "optimize" });
}

/** Deletes an environment: from now on no host name leads to it. @throws SluiceError conflict for the default one */
export async function deleteEnvironment(
  services: EnvironmentServices,
  environment: StoredEnvironment,
): Promise<StoredEnvironment> {
  if (environment.isDefault) {
    throw new SluiceError(
      "conflict",
      "This is the organization's default environment, which calls without another host name reach; it cannot be deleted.",
    );
  }
  const deleting = await begin(services, environment, "deleting", { kind: "delete" }, { host: null });
  const hosts = Object.values(environmentHosts(environment.host)).filter((host) => host !== "");
  await services.hosts.forgetHosts(hosts);
  return { ...deleting, host: null };
}

/** Has a change carried out: its object looks for it soon, finds it written down, and goes on until it is done. */
export async function begin(
  services: EnvironmentServices,
  environment: StoredEnvironment,
  to: EnvironmentStatus,
  pending: PendingChange,
  fields: EnvironmentFields = {},
): Promise<StoredEnvironment> {
  requireReady(environment, to);
  const { environments, environmentWorkers, world } = services;
  const now = world.now();
  await environmentWorkers.wake(environment.id);
  if (!(await environments.move(environment.id, environment.status, to, pending, now, fields))) {
    const present = await environments.find(environment.id);
    if (present !== undefined) requireReady(present, to);
    throw new SluiceError("conflict", "The environment was changed at the same moment. Try again.", {
      retryAfter: 1,
    });
  }
  return { ...environment, status: to, pending, updatedAt: now };
}
