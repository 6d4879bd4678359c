import type {
  Directory,
  Group,
  GroupChange,
  NewGroup,
  NewRole,
  NewUser,
  Role,
  RoleChange,
  User,
  UserChange,
} from "../../operations/identity-ports";
import { BUMP_IDENTITY, type Epoch, epochAfter } from "./identity-epoch";

interface Row {
  id: number;
  name: string;
  description: string | null;
  created_at: number;
  updated_at: number;
  /** JSON: names. */
  list: string;
}
type UserRow = Row & { enabled: number };
type GroupRow = Row & { members: number };

const USERS = `SELECT u.id, u.name, u.description, u.enabled, u.created_at, u.updated_at,
    (SELECT json_group_array(g.name) FROM group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = u.id) AS list
  FROM users u WHERE u.organization_id = ?1`;
const GROUPS = `SELECT g.id, g.name, g.description, g.created_at, g.updated_at,
    (SELECT json_group_array(r.name) FROM group_roles x JOIN roles r ON r.id = x.role_id WHERE x.group_id = g.id) AS list,
    (SELECT count(*) FROM group_members m WHERE m.group_id = g.id) AS members
  FROM user_groups g WHERE g.organization_id = ?1`;
const ROLES = `SELECT r.id, r.name, r.description, r.created_at, r.updated_at,
    (SELECT json_group_array(p.privilege) FROM role_privileges p WHERE p.role_id = r.id) AS list
  FROM roles r WHERE r.organization_id = ?1`;

const USER_ID = "(SELECT id FROM users WHERE organization_id = ?1 AND name = ?2)";
const GROUP_ID = "(SELECT id FROM user_groups WHERE organization_id = ?1 AND name = ?2)";
const ROLE_ID = "(SELECT id FROM roles WHERE organization_id = ?1 AND name = ?2)";

/** The lists that hang on a name: which statement empties one, and which fills it from a JSON array of names. */
const LISTS = {
  groupsOfUser: [
    `DELETE FROM group_members WHERE user_id = ${USER_ID}`,
    `INSERT INTO group_members (group_id, user_id) SELECT g.id, u.id FROM users u, json_each(?3) j
       JOIN user_groups g ON g.organization_id = ?1 AND g.name = j.value WHERE u.organization_id = ?1 AND u.name = ?2`,
  ],
  rolesOfGroup: [
    `DELETE FROM group_roles WHERE group_id = ${GROUP_ID}`,
    `INSERT INTO group_roles (group_id, role_id) SELECT g.id, r.id FROM user_groups g, json_each(?3) j
       JOIN roles r ON r.organization_id = ?1 AND r.name = j.value WHERE g.organization_id = ?1 AND g.name = ?2`,
  ],
  privilegesOfRole: [
    `DELETE FROM role_privileges WHERE role_id = ${ROLE_ID}`,
    `INSERT INTO role_privileges (role_id, privilege) SELECT r.id, j.value FROM roles r, json_each(?3) j
       WHERE r.organization_id = ?1 AND r.name = ?2`,
  ],
} as const;

/** Users, groups and roles in D1. Each change and the new identity epoch are one transaction. */
export class D1Directory implements Directory {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async users(organizationId: number, limit: number, after: string | undefined): Promise<User[]> {
    return (await this.#page<UserRow>(USERS, "u", organizationId, limit, after)).map(userOf);
  }

  async user(organizationId: number, name: string): Promise<User | undefined> {
    const row = await this.#one<UserRow>(`${USERS} AND u.name = ?2`, organizationId, name);
    return row === undefined ? undefined : userOf(row);
  }

  addUser(org: number, { name, description, enabled, groups }: NewUser, at: number) {
    return this.#change(org, [
      this.#run(
        `INSERT INTO users (organization_id, name, description, enabled, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT DO NOTHING RETURNING id`,
        org,
        name,
        description,
        enabled ? 1 : 0,
        at,
      ),
      // Of a name that was taken meanwhile the groups stay as they are.
      this.#run(`${LISTS.groupsOfUser[1]} AND changes() > 0`, org, name, JSON.stringify(groups)),
    ]);
  }

  changeUser(org: number, name: string, { description, enabled, groups }: UserChange, at: number) {
    return this.#change(org, [
      this.#run(
        `UPDATE users SET description = CASE WHEN ?3 THEN ?4 ELSE description END, enabled = coalesce(?5, enabled),
           updated_at = ?6 WHERE organization_id = ?1 AND name = ?2 RETURNING id`,
        org,
        name,
        description === undefined ? 0 : 1,
        description ?? null,
        enabled === undefined ? null : enabled ? 1 : 0,
        at,
      ),
      ...this.#replace("groupsOfUser", org, name, groups),
    ]);
  }

  removeUser(org: number, name: string) {
    return this.#remove("users", org, name);
  }

  async groups(organizationId: number, limit: number, after: string | undefined): Promise<Group[]> {
    return (await this.#page<GroupRow>(GROUPS, "g", organizationId, limit, after)).map(groupOf);
  }

  async group(organizationId: number, name: string): Promise<Group | undefined> {
    const row = await this.#one<GroupRow>(`${GROUPS} AND g.name = ?2`, organizationId, name);
    return row === undefined ? undefined : groupOf(row);
  }

  addGroup(org: number, { name, description, roles }: NewGroup, at: number) {
    return this.#change(org, [
      this.#insert("user_groups", org, name, description, at),
      this.#run(`${LISTS.rolesOfGroup[1]} AND changes() > 0`, org, name, JSON.stringify(roles)),
    ]);
  }

  changeGroup(org: number, name: string, { description, roles }: GroupChange, at: number) {
    return this.#change(org, [
      this.#describe("user_groups", org, name, description, at),
      ...this.#replace("rolesOfGroup", org, name, roles),
    ]);
  }

  removeGroup(org: number, name: string) {
    return this.#remove("user_groups", org, name);
  }

  async members(org: number, group: string, limit: number, after: string | undefined): Promise<string[]> {
    const { results } = await this.#run(
      `SELECT u.name FROM group_members m JOIN users u ON u.id = m.user_id
       WHERE m.group_id = ${GROUP_ID} AND u.name > ?3 ORDER BY u.name LIMIT ?4`,
      org,
      group,
      after ?? "",
      limit,
    ).all<{ name: string }>();
    return results.map(({ name }) => name);
  }

  addMember(org: number, group: string, user: string) {
    return this.#change(org, [
      this.#run(
        `INSERT INTO group_members (group_id, user_id)
         SELECT g.id, u.id FROM user_groups g JOIN users u ON u.organization_id = ?1 AND u.name = ?3
         WHERE g.organization_id = ?1 AND g.name = ?2
         ON CONFLICT DO UPDATE SET user_id = excluded.user_id RETURNING user_id`,
        org,
        group,
        user,
      ),
    ]);
  }

  removeMember(org: number, group: string, user: string) {
    return this.#change(org, [
      this.#run(
        `DELETE FROM group_members WHERE group_id = ${GROUP_ID}
           AND user_id = (SELECT id FROM users WHERE organization_id = ?1 AND name = ?3) RETURNING user_id`,
        org,
        group,
        user,
      ),
    ]);
  }

  async roles(organizationId: number, limit: number, after: string | undefined): Promise<Role[]> {
    return (await this.#page<Row>(ROLES, "r", organizationId, limit, after)).map(roleOf);
  }

  async role(organizationId: number, name: string): Promise<Role | undefined> {
    const row = await this.#one<Row>(`${ROLES} AND r.name = ?2`, organizationId, name);
    return row === undefined ? undefined : roleOf(row);
  }

  addRole(org: number, { name, description, privileges }: NewRole, at: number) {
    return this.#change(org, [
      this.#insert("roles", org, name, description, at),
      this.#run(`${LISTS.privilegesOfRole[1]} AND changes() > 0`, org, name, JSON.stringify(privileges)),
    ]);
  }

  changeRole(org: number, name: string, { description, privileges }: RoleChange, at: number) {
    return this.#change(org, [
      this.#describe("roles", org, name, description, at),
      ...this.#replace("privilegesOfRole", org, name, privileges),
    ]);
  }

  removeRole(org: number, name: string) {
    return this.#remove("roles", org, name);
  }

  async unknown(org: number, kind: "group" | "role", names: readonly string[]): Promise<string[]> {
    if (names.length === 0) return [];
    const table = kind === "group" ? "user_groups" : "roles";
    const { results } = await this.#run(
      `SELECT value AS name FROM json_each(?2) WHERE value NOT IN (SELECT name FROM ${table} WHERE organization_id = ?1 AND name IN (SELECT value FROM json_each(?2)))`,
      org,
      JSON.stringify(names),
    ).all<{ name: string }>();
    return results.map(({ name }) => name);
  }

  #run(sql: string, ...values: unknown[]): D1PreparedStatement {
    return this.#db.prepare(sql).bind(...values);
  }

  async #page<R>(sql: string, table: string, org: number, limit: number, after: string | undefined) {
    const page = `${sql} AND ${table}.name > ?2 ORDER BY ${table}.name LIMIT ?3`;
    return (await this.#run(page, org, after ?? "", limit).all<R>()).results;
  }

  async #one<R>(sql: string, org: number, name: string): Promise<R | undefined> {
    return (await this.#run(sql, org, name).first<R>()) ?? undefined;
  }

  #insert(table: "user_groups" | "roles", org: number, name: string, description: string | null, at: number) {
    return this.#run(
      `INSERT INTO ${table} (organization_id, name, description, created_at, updated_at)
       VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING RETURNING id`,
      org,
      name,
      description,
      at,
    );
  }

  #describe(
    table: "user_groups" | "roles",
    org: number,
    name: string,
    description: string | null | undefined,
    at: number,
  ) {
    return this.#run(
      `UPDATE ${table} SET description = CASE WHEN ?3 THEN ?4 ELSE description END, updated_at = ?5
       WHERE organization_id = ?1 AND name = ?2 RETURNING id`,
      org,
      name,
      description === undefined ? 0 : 1,
      description ?? null,
      at,
    );
  }

  #replace(list: keyof typeof LISTS, org: number, name: string, names: readonly string[] | undefined) {
    if (names === undefined) return [];
    const [empty, fill] = LISTS[list];
    return [this.#run(empty, org, name), this.#run(fill, org, name, JSON.stringify(names))];
  }

  #remove(table: "users" | "user_groups" | "roles", org: number, name: string) {
    return this.#change(org, [
      this.#run(`DELETE FROM ${table} WHERE organization_id = ?1 AND name = ?2 RETURNING id`, org, name),
    ]);
  }

  /** @param statements the first returns a row when it changed something */
  async #change(org: number, statements: D1PreparedStatement[]): Promise<number | undefined> {
    const results = await this.#db.batch<Epoch>([...statements, this.#run(BUMP_IDENTITY, org)]);
    return epochAfter(results);
  }
}

const names = (list: string): string[] => (JSON.parse(list) as string[]).sort();

function userOf({ id, name, description, enabled, created_at, updated_at, list }: UserRow): User {
  return {
    id,
    name,
    description,
    enabled: enabled === 1,
    groups: names(list),
    createdAt: created_at,
    updatedAt: updated_at,
  };
}

function groupOf({ id, name, description, members, created_at, updated_at, list }: GroupRow): Group {
  return {
    id,
    name,
    description,
    roles: names(list),
    members,
    createdAt: created_at,
    updatedAt: updated_at,
  };
}

function roleOf({ id, name, description, created_at, updated_at, list }: Row): Role {
  return { id, name, description, privileges: names(list), createdAt: created_at, updatedAt: updated_at };
}
