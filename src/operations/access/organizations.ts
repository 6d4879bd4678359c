import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { HostedEnvironment, NameClash, Organization } from "../../domain/organization";

/** Organizations and their environments: who owns what. */
export interface OrganizationStore {
  list(limit: number, after: number): Promise<Organization[]>;
  find(id: number): Promise<Organization | undefined>;
  /** With a default environment of the name `default`, all or nothing. */
  create(name: string, now: number): Promise<Organization | "name_taken">;
  rename(id: number, name: string): Promise<Organization | "name_taken" | undefined>;
  environments(organizationId: number): Promise<HostedEnvironment[]>;
  environment(id: number): Promise<HostedEnvironment | undefined>;
  createEnvironment(
    organizationId: number,
    environment: { name: string; host: string | null },
    now: number,
  ): Promise<HostedEnvironment | NameClash>;
  changeEnvironment(
    id: number,
    change: EnvironmentChange,
  ): Promise<HostedEnvironment | NameClash | undefined>;
}

export interface EnvironmentChange {
  name?: string | undefined;
  /** `null` takes the host name away. */
  host?: string | null | undefined;
  /** Makes it the organization's default, instead of the one that was. */
  isDefault?: true | undefined;
}

export interface OrganizationServices {
  organizations: OrganizationStore;
  /** Copies of what host names lead to, here and at the edge. */
  hosts: { forgetHosts(hosts: readonly string[]): Promise<void> };
  access: { forget(): void };
  world: { now(): number };
}

export async function requireOrganization(services: OrganizationServices, id: number): Promise<Organization> {
  const organization = await services.organizations.find(id);
  if (organization === undefined) throw new SluiceError("not_found", `There is no organization ${id}.`);
  return organization;
}

export async function requireEnvironment(
  services: OrganizationServices,
  id: number,
): Promise<HostedEnvironment> {
  const environment = await services.organizations.environment(id);
  if (environment === undefined) throw new SluiceError("not_found", `There is no environment ${id}.`);
  return environment;
}

/** The environment that a management call names, as operations take it. */
export async function chosenEnvironment(services: OrganizationServices, id: number): Promise<Environment> {
  const { organizationId, name } = await requireEnvironment(services, id);
  return { id, organizationId, name };
}

export async function createOrganization(
  services: OrganizationServices,
  name: string,
): Promise<Organization> {
  return accepted(await services.organizations.create(name, services.world.now()), name);
}

export async function renameOrganization(
  services: OrganizationServices,
  id: number,
  name: string,
): Promise<Organization> {
  const renamed = accepted(await services.organizations.rename(id, name), name);
  return renamed ?? requireOrganization(services, id);
}

export async function createEnvironment(
  services: OrganizationServices,
  organizationId: number,
  environment: { name: string; host: string | null },
): Promise<HostedEnvironment> {
  await requireOrganization(services, organizationId);
  const now = services.world.now();
  const created = accepted(
    await services.organizations.createEnvironment(organizationId, environment, now),
    environment.name,
    environment.host,
  );
  await forget(services, [created.host]);
  return created;
}

export async function changeEnvironment(
  services: OrganizationServices,
  id: number,
  change: EnvironmentChange,
): Promise<HostedEnvironment> {
  const before = await requireEnvironment(services, id);
  const changed = accepted(
    await services.organizations.changeEnvironment(id, change),
    change.name ?? before.name,
    change.host,
  );
  if (changed === undefined) return requireEnvironment(services, id);
  await forget(services, [before.host, changed.host]);
  return changed;
}

/** What a host name led to, it may lead to no longer; so may every host that leads to a default. */
async function forget(services: OrganizationServices, hosts: readonly (string | null)[]): Promise<void> {
  services.access.forget();
  await services.hosts.forgetHosts(hosts.filter((host) => host !== null));
}

function accepted<T>(outcome: T | NameClash, name: string, host?: string | null): Exclude<T, NameClash> {
  if (outcome === "name_taken") {
    throw new SluiceError("conflict", `The name ${JSON.stringify(name)} is taken; choose another.`);
  }
  if (outcome === "host_taken") {
    throw new SluiceError(
      "conflict",
      `The host name ${host} leads to another environment; choose another, or take it away there first.`,
    );
  }
  return outcome as Exclude<T, NameClash>;
}
