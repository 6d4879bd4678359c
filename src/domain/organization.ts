import { z } from "zod";
import { ProjectName } from "./names";

/** Names of organizations and environments follow the rules of other names. */
export const OrganizationName = ProjectName;
export const EnvironmentName = ProjectName;

/** A host name as browsers send it: lower case, no port. */
export const HostName = z
  .string()
  .max(253, "a host name has at most 253 characters")
  .regex(
    /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/,
    "a host name is lower case, without scheme, port and path, such as api.example.com",
  );

export interface Organization {
  id: number;
  name: string;
  /** Milliseconds since 1970. */
  createdAt: number;
}

/** An environment as its organization's administrators see it. */
export interface HostedEnvironment {
  id: number;
  organizationId: number;
  name: string;
  /** Calls to this host name are calls to this environment. */
  host: string | null;
  /** Where calls go whose host name is no environment's. */
  isDefault: boolean;
  createdAt: number;
}

/** Whether an environment's organization has given out this name already, or this host belongs to someone. */
export type NameClash = "name_taken" | "host_taken";
