import type { z } from "zod";
import { EventDeclaration } from "./event";
import { IntegrationDefinition } from "./integration";
import { InterfaceDefinition } from "./interface";
import { KeystoreDefinition } from "./keystore";
import { MappedFieldDefinition } from "./mapped-field";
import { TableDefinition } from "./table";
import { WebhookDefinition } from "./webhook";
import { WebsiteDefinition } from "./website";

/**
 * What a project has beside its flows. Each kind is a list in the bundle, and each of its elements has its name under the
 * kind's own key, as a flow has: `tables: [{ table: users, … }]`.
 */

interface KindOfResource {
  /** The list's name in the bundle. */
  section: string;
  /** The key under which an element has its name. */
  key: string;
  schema: z.ZodType;
  /** Where its name is unique. */
  unique: "project" | "environment";
  /** Whether it holds data that would be lost with it, so that it goes only when it is named (`?drop=kind:name`). */
  keepsData: boolean;
}

export const RESOURCES = {
  integration: {
    section: "integrations",
    key: "integration",
    schema: IntegrationDefinition,
    unique: "project",
    keepsData: false,
  },
  table: {
    section: "tables",
    key: "table",
    schema: TableDefinition,
    unique: "environment",
    keepsData: true,
  },
  keystore: {
    section: "keystores",
    key: "keystore",
    schema: KeystoreDefinition,
    unique: "environment",
    keepsData: true,
  },
  webhook: {
    section: "webhooks",
    key: "webhook",
    schema: WebhookDefinition,
    unique: "environment",
    keepsData: false,
  },
  event: {
    section: "events",
    key: "event",
    schema: EventDeclaration,
    unique: "environment",
    keepsData: false,
  },
  interface: {
    section: "interfaces",
    key: "interface",
    schema: InterfaceDefinition,
    unique: "environment",
    keepsData: false,
  },
  mappedField: {
    section: "mappedFields",
    key: "field",
    schema: MappedFieldDefinition,
    unique: "environment",
    keepsData: false,
  },
  website: {
    section: "websites",
    key: "website",
    schema: WebsiteDefinition,
    unique: "environment",
    keepsData: false,
  },
} as const satisfies Record<string, KindOfResource>;

export type ResourceKind = keyof typeof RESOURCES;
export type ResourceDefinition<K extends ResourceKind = ResourceKind> = z.output<
  (typeof RESOURCES)[K]["schema"]
>;

export const RESOURCE_KINDS = Object.keys(RESOURCES) as ResourceKind[];

/** A resource as the environment has it. */
export interface Resource<K extends ResourceKind = ResourceKind> {
  /** Stable for as long as a resource of that name exists. */
  id: number;
  environmentId: number;
  projectId: number;
  project: string;
  kind: K;
  name: string;
  /** As it was applied, with defaults filled in. */
  definition: ResourceDefinition<K>;
}

/** Kinds that nodes name in their settings. A flow version keeps the definitions that it was published with. */
export const USED_KINDS = ["integration", "table", "keystore"] as const satisfies readonly ResourceKind[];
export type UsedKind = (typeof USED_KINDS)[number];

/** Definitions that a flow uses, by kind and name. */
export type UsedResources = { [K in UsedKind]?: Record<string, ResourceDefinition<K>> };
