import { z } from "zod";
import type { Bundle } from "../domain/bundle";
import type { Constants } from "../domain/constants";
import type { Problem } from "../domain/errors";
import { pointer } from "../domain/json-path";
import { MAX_RESOURCES } from "../domain/limits";
import { nearest } from "../domain/nearest";
import { RESOURCE_KINDS, RESOURCES, type ResourceDefinition, type ResourceKind } from "../domain/resource";
import { schemaProblems } from "../domain/schema-problems";
import { webhookSecrets } from "../domain/webhook";
import { integrationProblems, targetProblems } from "./check-integration";
import type { CallTargets } from "./ports";
import type { NamedSecret } from "./secrets";

/** A resource of a bundle that was checked. */
export interface CheckedResource<K extends ResourceKind = ResourceKind> {
  kind: K;
  name: string;
  /** With defaults filled in. */
  definition: ResourceDefinition<K>;
  /** As it was written. */
  source: unknown;
  /** JSON Pointer to it. */
  path: string;
}

/** What the checks of one kind may look at beside the resource itself. */
export interface ResourceContext {
  flowNames: readonly string[];
  resources: readonly CheckedResource[];
  /** The project's; `undefined` when they could not be read. */
  constants: Constants | undefined;
  callTargets: CallTargets;
}

type Check<K extends ResourceKind> = (
  resource: CheckedResource<K>,
  context: ResourceContext,
) => readonly Problem[];

/** What a schema cannot say: whether what a resource names is in the bundle. */
const CHECKS: { [K in ResourceKind]?: Check<K> } = {
  webhook: ({ path, definition }, context) => flowProblem(`${path}/flow`, definition.flow, context),
  integration: ({ definition, path }, { callTargets, constants }) => [
    ...integrationProblems(definition, path, constants),
    ...targetProblems(definition, callTargets).map(({ at, reason }) => ({ path: `${path}${at}`, reason })),
  ],
};

/** The bundle's lists of resources, their elements unread: each is read by itself, so that one wrong one hides no other. */
export const ResourceSections = z.object(
  Object.fromEntries(
    RESOURCE_KINDS.map((kind) => {
      const { section } = RESOURCES[kind];
      return [
        section,
        z
          .array(z.unknown(), { error: `\`${section}\` is a list` })
          .max(MAX_RESOURCES, `a project has at most ${MAX_RESOURCES} ${section} (MAX_RESOURCES)`)
          .optional(),
      ];
    }),
  ) as Record<Section, z.ZodOptional<z.ZodArray<z.ZodUnknown>>>,
);
type Section = (typeof RESOURCES)[ResourceKind]["section"] & keyof Bundle;

/** Reads every resource of a bundle by itself; names that stand twice are reported. */
export function readResources(
  document: Partial<Record<Section, unknown>>,
  problems: Problem[],
): CheckedResource[] {
  const read: CheckedResource[] = [];
  for (const kind of RESOURCE_KINDS) {
    const { section, key, schema } = RESOURCES[kind];
    const list = document[section];
    if (!Array.isArray(list)) continue;
    const owners = new Map<string, number>();
    for (const [index, source] of list.slice(0, MAX_RESOURCES).entries()) {
      const parsed = schema.safeParse(source);
      if (!parsed.success) {
        problems.push(...schemaProblems(schema, parsed.error, [section, index]));
        continue;
      }
      const definition = parsed.data as ResourceDefinition;
      const name = (definition as Record<string, unknown>)[key] as string;
      const owner = owners.get(name);
      if (owner !== undefined) {
        problems.push({
          path: pointer(section, index, key),
          reason: `${kind} "${name}" is at /${section}/${owner} already`,
        });
        continue;
      }
      owners.set(name, index);
      read.push({ kind, name, definition, source, path: pointer(section, index) });
    }
  }
  return read;
}

export function checkResources(context: ResourceContext): Problem[] {
  return context.resources.flatMap((resource) => {
    const check = CHECKS[resource.kind] as Check<ResourceKind> | undefined;
    return check === undefined ? [] : [...check(resource, context)];
  });
}

/** The secrets that resources name themselves; those in the texts of integrations are found by the flows that use them. */
export function secretsOfResources(resources: readonly CheckedResource[]): NamedSecret[] {
  return resources.flatMap((resource) =>
    resource.kind === "webhook"
      ? webhookSecrets(resource.definition as ResourceDefinition<"webhook">).map(({ name, at }) => ({
          name,
          path: `${resource.path}${pointer(...at)}`,
        }))
      : [],
  );
}

/** Reports a flow that a resource names and the bundle does not have. */
export function flowProblem(path: string, flow: string, { flowNames }: ResourceContext): Problem[] {
  if (flowNames.includes(flow)) return [];
  const closest = nearest(flow, flowNames);
  return [
    {
      path,
      reason: `there is no flow "${flow}" in this project`,
      ...(closest === undefined ? {} : { nearest: closest }),
    },
  ];
}
