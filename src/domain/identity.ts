import { z } from "zod";
import { MAX_NAME_LENGTH, nameSchema, ProjectName } from "./names";

/** Users, groups and roles of an organization, and what they may do. */

/** Users that are not rows: who calls anonymously, who holds the administrator's token, and who could not say who he is. */
const RESERVED_USERS = new Set(["system", "admin", "unknown"]);

/** Name of a user, unique in an organization. Runs and the audit trail show it, so it never changes. */
export const UserName = nameSchema("user name")
  .refine(
    (name) => !RESERVED_USERS.has(name.toLowerCase()),
    "`system`, `admin` and `unknown` are Sluice's own users",
  )
  .meta({ id: "UserName" });
/** Name of a group, unique in an organization. A flow's `permissions` name groups by it, so it never changes. */
export const GroupName = nameSchema("group name").meta({ id: "GroupName" });
/** Name of a role, unique in an organization. */
export const RoleName = nameSchema("role name").meta({ id: "RoleName" });

/** The privilege that makes a user's keys valid (seed 001, step 8). */
export const USE_API_KEY = "Use API Key";

/** Privileges over one project, in every environment of the organization. */
const PROJECT_PRIVILEGES = ["View Project", "Administer Project"] as const;
type ProjectPrivilege = (typeof PROJECT_PRIVILEGES)[number];

const PRIVILEGE_RULE = `a privilege is "${USE_API_KEY}", "View Project: <project>" or "Administer Project: <project>"`;

/** A privilege as it is written: `Use API Key`, `View Project: demo`, `Administer Project: demo`. */
export const Privilege = z
  .string()
  .max(MAX_NAME_LENGTH + 30, PRIVILEGE_RULE)
  .refine((text) => text === USE_API_KEY || projectPrivilege(text) !== undefined, PRIVILEGE_RULE)
  .meta({ id: "Privilege" });

function projectPrivilege(text: string): { privilege: ProjectPrivilege; project: string } | undefined {
  for (const privilege of PROJECT_PRIVILEGES) {
    const prefix = `${privilege}: `;
    const project = text.slice(prefix.length);
    if (text.startsWith(prefix) && ProjectName.safeParse(project).success) return { privilege, project };
  }
  return undefined;
}

/** Whether privileges allow to see a project, or to change it. Who may change it may see it, too. */
export function mayOnProject(
  privileges: ReadonlySet<string>,
  project: string,
  wanted: ProjectPrivilege,
): boolean {
  if (privileges.has(`Administer Project: ${project}`)) return true;
  return wanted === "View Project" && privileges.has(`View Project: ${project}`);
}

/** What a key's token says, once its signature was checked. */
export interface VerifiedKey {
  /** `jti`. */
  id: string;
  organizationId: number;
  userId: number;
  /** Milliseconds since 1970; the key counts from then on, and until then. */
  notBefore: number;
  expiresAt: number;
}

/** How a key and its user stand at present, as far as it may be kept at the edge. */
export interface KeyStanding {
  keyId: string;
  userId: number;
  user: string;
  enabled: boolean;
  revoked: boolean;
  groups: string[];
  privileges: string[];
  lastUsedAt: number | null;
}
