import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { MAX_GROUP_ROLES, MAX_USER_GROUPS, MAX_USER_KEYS } from "../domain/limits";
import type {
  Directory,
  Group,
  GroupChange,
  KeyIssuer,
  KeyStore,
  Keys,
  NewGroup,
  NewRole,
  NewUser,
  Role,
  RoleChange,
  StoredKey,
  User,
  UserChange,
} from "./identity-ports";
import type { World } from "./ports";

/** Users, groups, roles and keys of the organization that an environment belongs to. */

export interface AccountServices {
  directory: Directory;
  keyStore: KeyStore;
  signer: KeyIssuer;
  keys: Keys;
  world: World;
}

type Kind = "user" | "group" | "role" | "key";

const missing = (kind: Kind, name: string): SluiceError =>
  new SluiceError("not_found", `There is no ${kind} "${name}" in this organization.`);

const taken = (kind: Kind, name: string): SluiceError =>
  new SluiceError("conflict", `There is a ${kind} "${name}" already. Change it, or take another name.`);

/** Has a change known at once in this isolate. @throws SluiceError when it changed nothing */
async function inForce(
  { keys }: AccountServices,
  { organizationId }: Environment,
  changing: Promise<number | undefined>,
  otherwise: () => SluiceError,
): Promise<void> {
  const epoch = await changing;
  if (epoch === undefined) throw otherwise();
  await keys.advance(organizationId, epoch);
}

/** @throws SluiceError invalid_request naming every name that there is not */
async function checkNames(
  { directory }: AccountServices,
  { organizationId }: Environment,
  kind: "group" | "role",
  names: readonly string[] | undefined,
): Promise<void> {
  if (names === undefined) return;
  const unknown = await directory.unknown(organizationId, kind, names);
  if (unknown.length === 0) return;
  throw new SluiceError("invalid_request", `There is no ${kind} "${unknown[0]}" in this organization.`, {
    problems: unknown.map((name) => ({
      path: `/${kind}s/${names.indexOf(name)}`,
      reason: `there is no ${kind} "${name}"; make it first`,
    })),
  });
}

export async function readUser(
  { directory }: AccountServices,
  { organizationId }: Environment,
  name: string,
): Promise<User> {
  const user = await directory.user(organizationId, name);
  if (user === undefined) throw missing("user", name);
  return user;
}

export async function addUser(
  services: AccountServices,
  environment: Environment,
  user: NewUser,
): Promise<User> {
  await checkNames(services, environment, "group", user.groups);
  const { directory, world } = services;
  const adding = directory.addUser(environment.organizationId, user, world.now());
  await inForce(services, environment, adding, () => taken("user", user.name));
  return readUser(services, environment, user.name);
}

export async function changeUser(
  services: AccountServices,
  environment: Environment,
  name: string,
  change: UserChange,
): Promise<User> {
  await checkNames(services, environment, "group", change.groups);
  const { directory, world } = services;
  const changing = directory.changeUser(environment.organizationId, name, change, world.now());
  await inForce(services, environment, changing, () => missing("user", name));
  return readUser(services, environment, name);
}

/** Removes a user with its memberships and keys: none of them counts any more. */
export async function removeUser(
  services: AccountServices,
  environment: Environment,
  name: string,
): Promise<void> {
  const removing = services.directory.removeUser(environment.organizationId, name);
  await inForce(services, environment, removing, () => missing("user", name));
}

export async function readGroup(
  { directory }: AccountServices,
  { organizationId }: Environment,
  name: string,
): Promise<Group> {
  const group = await directory.group(organizationId, name);
  if (group === undefined) throw missing("group", name);
  return group;
}

export async function addGroup(
  services: AccountServices,
  environment: Environment,
  group: NewGroup,
): Promise<Group> {
  await checkNames(services, environment, "role", group.roles);
  const { directory, world } = services;
  const adding = directory.addGroup(environment.organizationId, group, world.now());
  await inForce(services, environment, adding, () => taken("group", group.name));
  return readGroup(services, environment, group.name);
}

export async function changeGroup(
  services: AccountServices,
  environment: Environment,
  name: string,
  change: GroupChange,
): Promise<Group> {
  await checkNames(services, environment, "role", change.roles);
  const { directory, world } = services;
  const changing = directory.changeGroup(environment.organizationId, name, change, world.now());
  await inForce(services, environment, changing, () => missing("group", name));
  return readGroup(services, environment, name);
}

export async function removeGroup(
  services: AccountServices,
  environment: Environment,
  name: string,
): Promise<void> {
  const removing = services.directory.removeGroup(environment.organizationId, name);
  await inForce(services, environment, removing, () => missing("group", name));
}

/** Puts a user into a group. Being in it already is as good. */
export async function addMember(
  services: AccountServices,
  environment: Environment,
  group: string,
  user: string,
): Promise<void> {
  const { groups } = await readUser(services, environment, user);
  if (!groups.includes(group) && groups.length >= MAX_USER_GROUPS) {
    throw tooMany("A user is in", MAX_USER_GROUPS, "groups", "MAX_USER_GROUPS");
  }
  const adding = services.directory.addMember(environment.organizationId, group, user);
  await inForce(services, environment, adding, () => missing("group", group));
}

/** Takes a user out of a group. @throws SluiceError not_found, also when it is not in it */
export async function removeMember(
  services: AccountServices,
  environment: Environment,
  group: string,
  user: string,
): Promise<void> {
  const removing = services.directory.removeMember(environment.organizationId, group, user);
  await inForce(
    services,
    environment,
    removing,
    () => new SluiceError("not_found", `There is no user "${user}" in a group "${group}".`),
  );
}

/** Gives a group a role, or takes it away. The same twice is as good as once. */
export async function setGroupRole(
  services: AccountServices,
  environment: Environment,
  name: string,
  role: string,
  has: boolean,
): Promise<Group> {
  const group = await readGroup(services, environment, name);
  if (group.roles.includes(role) === has) return group;
  if (!has) {
    return changeGroup(services, environment, name, { roles: group.roles.filter((each) => each !== role) });
  }
  await readRole(services, environment, role);
  if (group.roles.length >= MAX_GROUP_ROLES) {
    throw tooMany("A group has", MAX_GROUP_ROLES, "roles", "MAX_GROUP_ROLES");
  }
  return changeGroup(services, environment, name, { roles: [...group.roles, role] });
}

export async function readRole(
  { directory }: AccountServices,
  { organizationId }: Environment,
  name: string,
): Promise<Role> {
  const role = await directory.role(organizationId, name);
  if (role === undefined) throw missing("role", name);
  return role;
}

export async function addRole(
  services: AccountServices,
  environment: Environment,
  role: NewRole,
): Promise<Role> {
  const { directory, world } = services;
  const adding = directory.addRole(environment.organizationId, role, world.now());
  await inForce(services, environment, adding, () => taken("role", role.name));
  return readRole(services, environment, role.name);
}

export async function changeRole(
  services: AccountServices,
  environment: Environment,
  name: string,
  change: RoleChange,
): Promise<Role> {
  const { directory, world } = services;
  const changing = directory.changeRole(environment.organizationId, name, change, world.now());
  await inForce(services, environment, changing, () => missing("role", name));
  return readRole(services, environment, name);
}

export async function removeRole(
  services: AccountServices,
  environment: Environment,
  name: string,
): Promise<void> {
  const removing = services.directory.removeRole(environment.organizationId, name);
  await inForce(services, environment, removing, () => missing("role", name));
}

export interface KeyRequest {
  name: string;
  /** Milliseconds since 1970. */
  notBefore?: number | undefined;
  expiresAt?: number | undefined;
  by: string;
}

/**
 * Issues a key of a user. The token is in the answer and nowhere else: it is signed, so nothing of it has to be kept.
 * @throws SluiceError not_configured, not_found, conflict, invalid_request
 */
export async function issueKey(
  services: AccountServices,
  environment: Environment,
  userName: string,
  { name, notBefore, expiresAt, by }: KeyRequest,
): Promise<{ key: StoredKey; token: string }> {
  const { keyStore, signer, world } = services;
  const { kid } = signer;
  const user = await readUser(services, environment, userName);
  const now = world.now();
  if (expiresAt !== undefined && expiresAt <= Math.max(now, notBefore ?? 0)) {
    const reason = "a key expires in the future, and after it begins to count";
    throw new SluiceError("invalid_request", `expiresAt: ${reason}.`, {
      problems: [{ path: "/expiresAt", reason }],
    });
  }
  const id = crypto.randomUUID().replaceAll("-", "");
  const { organizationId } = environment;
  const token = await signer.issue({
    id,
    organizationId,
    userId: user.id,
    issuedAt: now,
    notBefore,
    expiresAt,
  });
  const key = {
    id,
    organizationId,
    userId: user.id,
    name,
    kid,
    createdAt: now,
    createdBy: by,
    notBefore: notBefore ?? null,
    expiresAt: expiresAt ?? null,
  };
  if (!(await keyStore.add(key, MAX_USER_KEYS))) {
    throw tooMany("A user has", MAX_USER_KEYS, "keys that were not revoked", "MAX_USER_KEYS");
  }
  return { key: { ...key, revokedAt: null, revokedBy: null, lastUsedAt: null }, token };
}

export async function readKey(
  services: AccountServices,
  environment: Environment,
  userName: string,
  id: string,
): Promise<StoredKey> {
  const user = await readUser(services, environment, userName);
  const key = await services.keyStore.find(user.id, id);
  if (key === undefined) throw missing("key", id);
  return key;
}

/** Revokes a key; one that was revoked stays so. Its row stays, to tell who revoked it. */
export async function revokeKey(
  services: AccountServices,
  environment: Environment,
  userName: string,
  id: string,
  by: string,
): Promise<StoredKey> {
  const user = await readUser(services, environment, userName);
  const { keyStore, world } = services;
  const revoking = keyStore.revoke(environment.organizationId, user.id, id, by, world.now());
  await inForce(services, environment, revoking, () => missing("key", id));
  return readKey(services, environment, userName, id);
}

function tooMany(subject: string, most: number, what: string, limit: string): SluiceError {
  return new SluiceError("conflict", `${subject} at most ${most} ${what} (${limit}).`, { limit });
}
