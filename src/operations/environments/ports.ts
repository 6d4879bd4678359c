import type { CertificateDescription, CertificateUpload, CheckedCertificate } from "../../domain/certificate";
import type { EnvironmentStatus, PackageCode, Region } from "../../domain/environment-life";
import type { Statistics } from "../../domain/environment-statistics";
import type { StoringObjectAddress } from "../../domain/object-storage";
import type { ChangeFailure, PendingChange } from "../../domain/pending-change";

/** An environment with all that is kept of it. */
export interface StoredEnvironment {
  id: number;
  organizationId: number;
  name: string;
  /** Host name of its APIs; `null` for one that is only reached as its organization's default. */
  host: string | null;
  isDefault: boolean;
  description: string;
  region: Region;
  timezone: string;
  package: PackageCode;
  extraStorageGb: number;
  software: string;
  status: EnvironmentStatus;
  pending: PendingChange | null;
  /** What the last optimization freed. */
  optimized: Record<string, number> | null;
  /** How the last copying of a project's data ended. */
  transferred: TransferResult | null;
  /** Of one that is in error, or goes on from there: what could not be done. */
  failure: ChangeFailure | null;
  usedBytes: number;
  /** Milliseconds since 1970. */
  measuredAt: number;
  createdAt: number;
  updatedAt: number;
}

/** How far the copying of a project's data has come. */
export interface TransferResult {
  /** Sets of data that are copied, or could not be. */
  done: number;
  of: number;
  failed: readonly { item: string; reason: string }[];
}

/** A project as an environment hosts it. */
export interface HostedProject {
  /** The project's own id in its environment. */
  rowId: number;
  /** The id by which environments name it: that of the project it was copied from. */
  id: number;
  name: string;
  /** The version that was copied, or its own. */
  version: number;
  createdAt: number;
  updatedAt: number;
}

export interface UrlMapping {
  url: string;
  projectId: number;
  name: string;
  type: "website" | "hostedpage";
  createdAt: number;
  updatedAt: number;
}

/** Fields of an environment that may change together. */
export interface EnvironmentFields {
  name?: string;
  description?: string;
  package?: PackageCode;
  extraStorageGb?: number;
  software?: string;
  host?: string | null;
  optimized?: Record<string, number>;
  transferred?: TransferResult;
  failure?: ChangeFailure | null;
}

/** Environments in the database: the truth about them. */
export interface EnvironmentStore {
  list(organizationId: number): Promise<StoredEnvironment[]>;
  find(environmentId: number): Promise<StoredEnvironment | undefined>;
  /** `undefined` when the organization has one of that name already. */
  create(
    environment: Pick<
      StoredEnvironment,
      "organizationId" | "name" | "description" | "region" | "timezone" | "package" | "software"
    >,
    pending: PendingChange,
    at: number,
  ): Promise<StoredEnvironment | undefined>;
  /** `false` when the organization has another one of the new name. */
  change(environmentId: number, fields: EnvironmentFields, at: number): Promise<boolean>;
  /**
   * Moves an environment from one state to another, with the fields that come with it; `false` when it is no longer in
   * the state `from`.
   */
  move(
    environmentId: number,
    from: EnvironmentStatus,
    to: EnvironmentStatus,
    pending: PendingChange | null,
    at: number,
    fields?: EnvironmentFields,
  ): Promise<boolean>;
  /** Writes down how far a change has come. */
  progress(environmentId: number, pending: PendingChange): Promise<void>;
  certificate(environmentId: number): Promise<CertificateDescription | undefined>;
  setCertificate(
    environmentId: number,
    certificate: CheckedCertificate & { ok: true },
    at: number,
  ): Promise<void>;
  removeCertificate(environmentId: number): Promise<void>;
  projects(environmentId: number): Promise<HostedProject[]>;
  /** Ids of hosted projects, of all environments of an organization at once. */
  projectIds(organizationId: number): Promise<Map<number, number[]>>;
  setOrigin(environmentId: number, rowId: number, originId: number, version: number): Promise<void>;
  removeProject(environmentId: number, rowId: number, at: number): Promise<void>;
  mappings(environmentId: number): Promise<UrlMapping[]>;
  putMappings(environmentId: number, mappings: readonly UrlMapping[]): Promise<void>;
  /** @returns how many there were */
  removeMappings(
    environmentId: number,
    mappings: readonly Pick<UrlMapping, "url" | "type" | "projectId">[],
  ): Promise<number>;
  statistics(environmentId: number, now: number): Promise<Statistics>;
  /** Counts the bytes in use, and writes them down. */
  measure(environmentId: number, now: number): Promise<number>;
  /** Removes what nobody can use any more. @returns rows removed, by what they were */
  optimize(environmentId: number, now: number, retentionMs: number): Promise<Record<string, number>>;
}

/** The object that carries changes of environments out; it goes on by itself until they are done. */
export interface EnvironmentWorkers {
  /** Has the environment's object look for work, soon and again: called before the work is written down. */
  wake(environmentId: number): Promise<void>;
}

export interface Certificates {
  check(upload: CertificateUpload, now: number): Promise<CheckedCertificate>;
}

/** What objects outside of the database keep for environments: part of the bytes in use. */
export interface ObjectStorage {
  /** Writes down how many bytes an object keeps now; it tells them whenever they have changed. */
  tell(object: StoringObjectAddress, bytes: number): Promise<void>;
}

/** Copies what projects keep from one environment to another, each set all or nothing. */
export interface ProjectData {
  copyTable(copy: DataCopy): Promise<void>;
  copyKeystore(copy: DataCopy): Promise<void>;
  /** A website's files, or those of the file manager (`""`). */
  copyFiles(copy: DataCopy): Promise<void>;
  copySchema(fromEnvironmentId: number, toEnvironmentId: number): Promise<void>;
}

export interface DataCopy {
  from: { environmentId: number; projectId: number };
  to: { environmentId: number; projectId: number };
  name: string;
  action: "insert" | "insert or update" | "delete and insert";
}
