import type { KeyStanding, VerifiedKey } from "../domain/identity";
import type { MaybePromise } from "../engine/maybe-promise";

/** What operations on users, groups, roles and keys need. Every method works inside one organization. */

export interface User {
  id: number;
  name: string;
  description: string | null;
  enabled: boolean;
  groups: string[];
  createdAt: number;
  updatedAt: number;
}

export interface Group {
  id: number;
  name: string;
  description: string | null;
  roles: string[];
  /** How many users are in it. */
  members: number;
  createdAt: number;
  updatedAt: number;
}

export interface Role {
  id: number;
  name: string;
  description: string | null;
  privileges: string[];
  createdAt: number;
  updatedAt: number;
}

export interface NewUser {
  name: string;
  description: string | null;
  enabled: boolean;
  groups: readonly string[];
}

/** What is `undefined` stays as it is. A list replaces the present one. */
export interface UserChange {
  description?: string | null | undefined;
  enabled?: boolean | undefined;
  groups?: readonly string[] | undefined;
}

export interface NewGroup {
  name: string;
  description: string | null;
  roles: readonly string[];
}

export interface GroupChange {
  description?: string | null | undefined;
  roles?: readonly string[] | undefined;
}

export interface NewRole {
  name: string;
  description: string | null;
  privileges: readonly string[];
}

export interface RoleChange {
  description?: string | null | undefined;
  privileges?: readonly string[] | undefined;
}

/** The organization's identity epoch after a change; `undefined` when there was nothing to change, or the name is taken. */
export type Changed = Promise<number | undefined>;

export interface Directory {
  users(organizationId: number, limit: number, after: string | undefined): Promise<User[]>;
  user(organizationId: number, name: string): Promise<User | undefined>;
  addUser(organizationId: number, user: NewUser, at: number): Changed;
  changeUser(organizationId: number, name: string, change: UserChange, at: number): Changed;
  removeUser(organizationId: number, name: string): Changed;

  groups(organizationId: number, limit: number, after: string | undefined): Promise<Group[]>;
  group(organizationId: number, name: string): Promise<Group | undefined>;
  addGroup(organizationId: number, group: NewGroup, at: number): Changed;
  changeGroup(organizationId: number, name: string, change: GroupChange, at: number): Changed;
  removeGroup(organizationId: number, name: string): Changed;
  members(organizationId: number, group: string, limit: number, after: string | undefined): Promise<string[]>;
  addMember(organizationId: number, group: string, user: string): Changed;
  removeMember(organizationId: number, group: string, user: string): Changed;

  roles(organizationId: number, limit: number, after: string | undefined): Promise<Role[]>;
  role(organizationId: number, name: string): Promise<Role | undefined>;
  addRole(organizationId: number, role: NewRole, at: number): Changed;
  changeRole(organizationId: number, name: string, change: RoleChange, at: number): Changed;
  removeRole(organizationId: number, name: string): Changed;

  /** Names among the given ones that no group, or role, has. */
  unknown(organizationId: number, kind: "group" | "role", names: readonly string[]): Promise<string[]>;
}

export interface StoredKey {
  id: string;
  name: string;
  kid: string;
  createdAt: number;
  createdBy: string;
  notBefore: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
  revokedBy: string | null;
  lastUsedAt: number | null;
}

export interface NewKey {
  id: string;
  organizationId: number;
  userId: number;
  name: string;
  kid: string;
  createdAt: number;
  createdBy: string;
  notBefore: number | null;
  expiresAt: number | null;
}

export interface KeyStore {
  /** Newest first. `after` is the id of the last key of the page before. */
  list(userId: number, limit: number, after: string | undefined): Promise<StoredKey[]>;
  find(userId: number, id: string): Promise<StoredKey | undefined>;
  /** `false` when the user has as many keys that were not revoked as it may. */
  add(key: NewKey, most: number): Promise<boolean>;
  revoke(organizationId: number, userId: number, id: string, by: string, at: number): Changed;
}

/** Signs new keys. */
export interface KeyIssuer {
  /** @throws SluiceError not_configured */
  readonly kid: string;
  signedWith(kid: string): "current" | "previous" | "unknown";
  issue(claims: {
    id: string;
    organizationId: number;
    userId: number;
    issuedAt: number;
    notBefore?: number | undefined;
    expiresAt?: number | undefined;
  }): Promise<string>;
}

/** Whose a key is and what he may. Warm answers come at once, without a promise and without asking a binding. */
export interface Keys {
  /** @throws SluiceError not_configured, unauthenticated */
  holder(token: string): MaybePromise<{ key: VerifiedKey; standing: KeyStanding }>;
  /** Tells that a change moved the organization to `epoch`: this isolate forgets what it knew. */
  advance(organizationId: number, epoch: number): Promise<void>;
}
