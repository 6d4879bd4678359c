import { z } from "@hono/zod-openapi";
import { GroupName, Privilege, RoleName, UserName } from "../../domain/identity";
import { MAX_GROUP_ROLES, MAX_ROLE_PRIVILEGES, MAX_USER_GROUPS } from "../../domain/limits";
import { Cursor } from "./schemas";

/** Shapes on the wire of users, groups, roles and keys. */

const Time = z.iso.datetime();
const Instant = z.iso.datetime({ offset: true, error: "write a time as RFC 3339: 2030-01-31T00:00:00Z" });
const Description = z.string().max(2_000);

/** A list of names without one twice. */
const listOf = (name: z.ZodType<string>, most: number, limit: string) =>
  z
    .array(name)
    .max(most, `at most ${most} (${limit})`)
    .refine((names) => new Set(names).size === names.length, "the same name stands there twice");

const Groups = listOf(GroupName, MAX_USER_GROUPS, "MAX_USER_GROUPS");
const Roles = listOf(RoleName, MAX_GROUP_ROLES, "MAX_GROUP_ROLES");
const Privileges = listOf(Privilege, MAX_ROLE_PRIVILEGES, "MAX_ROLE_PRIVILEGES").describe(
  "`Use API Key` makes the keys of a user count. `View Project: <project>` and `Administer Project: <project>` let them call this API for one project.",
);

export const NewUserBody = z.strictObject({
  name: UserName,
  description: Description.nullable().default(null),
  enabled: z.boolean().default(true),
  groups: Groups.default([]),
});
export const UserChangeBody = z.strictObject({
  description: Description.nullable().optional(),
  enabled: z.boolean().optional().describe("No key of a disabled user counts."),
  groups: Groups.optional().describe("Replaces the groups that the user is in."),
});
export const NewGroupBody = z.strictObject({
  name: GroupName,
  description: Description.nullable().default(null),
  roles: Roles.default([]),
});
export const GroupChangeBody = z.strictObject({
  description: Description.nullable().optional(),
  roles: Roles.optional().describe("Replaces the group's roles."),
});
export const NewRoleBody = z.strictObject({
  name: RoleName,
  description: Description.nullable().default(null),
  privileges: Privileges.default([]),
});
export const RoleChangeBody = z.strictObject({
  description: Description.nullable().optional(),
  privileges: Privileges.optional(),
});
export const NewKeyBody = z.strictObject({
  name: z.string().min(1, "a key's name cannot be empty").max(100, "a key's name has at most 100 characters"),
  notBefore: Instant.optional().describe("The key counts from then on; at once when not given."),
  expiresAt: Instant.optional().describe("The key counts until then; until it is revoked when not given."),
});

const Common = {
  id: z.number().int(),
  name: z.string(),
  description: z.string().nullable(),
  createdAt: Time,
  updatedAt: Time,
};

export const UserView = z
  .object({ ...Common, enabled: z.boolean(), groups: z.array(z.string()) })
  .openapi("User");
export const UserList = z.object({ users: z.array(UserView), next: Cursor }).openapi("UserList");
export const GroupView = z
  .object({
    ...Common,
    roles: z.array(z.string()),
    members: z.number().int().describe("How many users are in it."),
  })
  .openapi("Group");
export const GroupList = z.object({ groups: z.array(GroupView), next: Cursor }).openapi("GroupList");
export const MemberList = z.object({ members: z.array(z.string()), next: Cursor }).openapi("MemberList");
export const RoleView = z.object({ ...Common, privileges: z.array(z.string()) }).openapi("Role");
export const RoleList = z.object({ roles: z.array(RoleView), next: Cursor }).openapi("RoleList");

export const KeyView = z
  .object({
    id: z.string(),
    name: z.string(),
    signedWith: z
      .enum(["current", "previous", "unknown"])
      .describe(
        "The signing secret: `unknown` is one that the deployment no longer has, so the key does not count.",
      ),
    createdAt: Time,
    createdBy: z.string(),
    notBefore: Time.nullable(),
    expiresAt: Time.nullable(),
    revokedAt: Time.nullable(),
    revokedBy: z.string().nullable(),
    lastUsedAt: Time.nullable().describe("To the hour."),
  })
  .openapi("ApiKey");
export const KeyList = z.object({ keys: z.array(KeyView), next: Cursor }).openapi("ApiKeyList");
export const IssuedKey = KeyView.extend({
  key: z.string().describe("The key itself. It is shown this once, and kept nowhere."),
}).openapi("IssuedApiKey");

const inPath = (name: string, example: string) =>
  z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name, in: "path" }, example });

export const UserParams = z.object({ user: inPath("user", "api-user") });
export const GroupParams = z.object({ group: inPath("group", "API Users") });
export const RoleParams = z.object({ role: inPath("role", "GenerateToken") });
export const MemberParams = GroupParams.extend({ user: inPath("user", "api-user") });
export const GroupRoleParams = GroupParams.extend({ role: inPath("role", "GenerateToken") });
export const KeyParams = UserParams.extend({ key: inPath("key", "0f8e6c2b7a944d0c9b1d5e3f2a4c6b8d") });
