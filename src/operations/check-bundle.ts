import { z } from "zod";
import { Bundle } from "../domain/bundle";
import { Constants } from "../domain/constants";
import { documentProblems } from "../domain/document-guard";
import type { Problem } from "../domain/errors";
import { FlowDefinition, type FlowSource, readFlow } from "../domain/flow";
import type { StoredVersion } from "../domain/flow-address";
import { calledEndpoints } from "../domain/integration";
import { pointer } from "../domain/json-path";
import { MAX_BUNDLE_PROBLEMS, MAX_FLOW_BYTES, MAX_FLOWS } from "../domain/limits";
import { type ResourceDefinition, USED_KINDS, type UsedKind, type UsedResources } from "../domain/resource";
import { schemaProblems } from "../domain/schema-problems";
import { compileFlow } from "../engine/compile";
import type { SecretUse } from "../engine/flow-scope";
import type { NodeRegistry } from "../engine/node-type";
import { type CheckedResource, checkResources, ResourceSections, readResources } from "./check-resources";
import { checkWorkflows } from "./check-workflows";
import type { CallTargets } from "./ports";

/** A flow of a bundle that was checked: what will be stored of it, and what its endpoint asks for. */
export interface CheckedFlow {
  name: string;
  stored: StoredVersion;
  alias: string | null;
  hasEndpoint: boolean;
  /** Secrets that it takes, with JSON Pointers into the bundle. Without one of them it cannot be published. */
  secrets: SecretUse[];
}

/** What bundles are checked by. */
export interface BundleServices {
  registry: NodeRegistry;
  callTargets: CallTargets;
}

export type BundleHeader = Pick<
  z.output<typeof Bundle>,
  "$schema" | "sluice" | "project" | "description" | "version" | "constants"
>;

export interface CheckedBundle {
  /** The bundle's own settings, without flows and resources. */
  header: BundleHeader;
  flows: CheckedFlow[];
  resources: CheckedResource[];
  problems: Problem[];
}

/** The bundle with its flows left aside, so that one wrong flow does not hide what is wrong with the others. */
const Header = Bundle.extend({
  ...ResourceSections.shape,
  flows: z
    .array(z.unknown(), { error: "`flows` is a list of flows" })
    .max(MAX_FLOWS, `a project has at most ${MAX_FLOWS} flows (MAX_FLOWS)`)
    .default([]),
});

/** A flow as far as it could be read. */
interface ReadFlow {
  index: number;
  definition: FlowDefinition;
  source: FlowSource;
  /** What its schema complains of, with pointers into the flow. */
  known: Problem[];
}

/**
 * Checks a whole bundle and reports everything that is wrong with it at once.
 * @param project name of the project in the URL
 */
export function checkBundle(document: unknown, project: string, services: BundleServices): CheckedBundle {
  const unsafe = documentProblems(document);
  if (unsafe.length > 0) return { header: { sluice: 1 }, flows: [], resources: [], problems: unsafe };
  const problems: Problem[] = [];
  const parsed = Header.safeParse(document);
  if (!parsed.success) problems.push(...schemaProblems(Bundle, parsed.error));
  const {
    flows: sources,
    $schema,
    sluice,
    project: named,
    description,
    version,
    constants,
  } = parsed.success ? parsed.data : looseHeader(document);
  const header: BundleHeader = { $schema, sluice, project: named, description, version, constants };
  const resources = readResources((document ?? {}) as Record<string, unknown>, problems);
  if (header.project !== undefined && header.project !== project) {
    problems.push({
      path: "/project",
      reason: `the document is of project "${header.project}", and the URL names "${project}"`,
    });
  }
  const read = readFlows(sources, problems);
  const flowNames = read.map(({ definition }) => definition.flow);
  const known = knownConstants(constants, document);
  problems.push(
    ...checkResources({ flowNames, resources, constants: known, callTargets: services.callTargets }),
  );
  const flows = compileFlows(read, { resources, constants: known }, project, services.registry, problems);
  problems.push(...checkWorkflows(read, resources));
  if (problems.length > MAX_BUNDLE_PROBLEMS) {
    const more = problems.length - MAX_BUNDLE_PROBLEMS;
    problems.length = MAX_BUNDLE_PROBLEMS;
    problems.push({ path: "", reason: `${more} more problems are not listed (MAX_BUNDLE_PROBLEMS)` });
  }
  flows.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { header, flows, resources, problems };
}

/** Reads every flow by itself; names that stand twice are reported, and the first flow of a name is the one meant. */
function readFlows(sources: readonly unknown[], problems: Problem[]): ReadFlow[] {
  const read: ReadFlow[] = [];
  const owners = new Map<string, number>();
  for (const [index, source] of sources.entries()) {
    const flow = readFlow(source);
    if (flow instanceof z.ZodError) {
      problems.push(...schemaProblems(FlowDefinition, flow, ["flows", index]));
      continue;
    }
    const known = flow.issues === undefined ? [] : schemaProblems(FlowDefinition, flow.issues);
    for (const problem of known)
      problems.push({ ...problem, path: `${pointer("flows", index)}${problem.path}` });
    const { flow: name } = flow.definition;
    const owner = owners.get(name);
    if (owner === undefined) owners.set(name, index);
    else if (name !== "") {
      problems.push({
        path: pointer("flows", index, "flow"),
        reason: `flow "${name}" is at /flows/${owner} already; names are unique in a project`,
      });
    }
    if (new TextEncoder().encode(JSON.stringify(source)).length > MAX_FLOW_BYTES) {
      problems.push({
        path: pointer("flows", index),
        reason: `a flow's definition has at most ${MAX_FLOW_BYTES} bytes as JSON (MAX_FLOW_BYTES)`,
      });
    }
    read.push({ index, definition: flow.definition, source: source as FlowSource, known });
  }
  return read;
}

function compileFlows(
  read: readonly ReadFlow[],
  { resources, constants }: { resources: readonly CheckedResource[]; constants: Constants | undefined },
  project: string,
  registry: NodeRegistry,
  problems: Problem[],
): CheckedFlow[] {
  const outputs = new Map<string, string[]>();
  for (const { definition } of read) {
    if (!outputs.has(definition.flow)) outputs.set(definition.flow, Object.keys(definition.outputs ?? {}));
  }
  const names = [...outputs.keys()];
  const key = { environmentId: 0, projectId: 0, project, flowId: 0, version: 0 };
  const aliases = new Map<string, string>();
  return read.map(({ index, definition, source, known }) => {
    const calls: Record<string, string[]> = {};
    const flowOutputs = (called: string) => {
      const declared = outputs.get(called);
      if (declared !== undefined) calls[called] = declared;
      return declared;
    };
    const uses: UsedResources = {};
    const read = new Set<string>();
    const context = {
      constants,
      constantRead: (name: string) => read.add(name),
      registry,
      flowNames: () => names,
      flowOutputs,
      resourceNames: (kind: UsedKind) =>
        resources.filter((each) => each.kind === kind).map((each) => each.name),
      resource: <K extends UsedKind>(kind: K, name: string): ResourceDefinition<K> | undefined => {
        const found = resources.find((each) => each.kind === kind && each.name === name);
        if (found === undefined) return undefined;
        const definition = found.definition as ResourceDefinition<K>;
        uses[kind] = { ...uses[kind], [name]: definition };
        return definition;
      },
    };
    const found = compileFlow(definition, key, context, known);
    for (const problem of found.problems)
      problems.push({ ...problem, path: `/flows/${index}${problem.path}` });
    const alias = definition.endpoint?.alias ?? null;
    if (alias !== null) {
      const owner = aliases.get(alias);
      if (owner === undefined) aliases.set(alias, definition.flow);
      else {
        problems.push({
          path: pointer("flows", index, "endpoint", "alias"),
          reason: `flow "${owner}" has the alias "${alias}" too`,
        });
      }
    }
    return {
      name: definition.flow,
      stored: {
        definition: source,
        calls,
        ...(USED_KINDS.some((kind) => uses[kind] !== undefined) ? { uses: usedParts(uses, source) } : {}),
        ...(read.size === 0 ? {} : { constants: pick(constants ?? {}, read) }),
      },
      alias,
      hasEndpoint: definition.endpoint !== undefined,
      secrets: found.secrets.map(({ name, path }) => ({ name, path: `/flows/${index}${path}` })),
    };
  });
}

/** What a flow version keeps of what it uses: of an integration, which may have thousands of endpoints, those it calls. */
function usedParts(uses: UsedResources, source: FlowSource): UsedResources {
  if (uses.integration === undefined) return uses;
  const called = calledEndpoints(source);
  const integration = Object.fromEntries(
    Object.entries(uses.integration).map(([name, definition]) => [
      name,
      { ...definition, endpoints: pick(definition.endpoints, called.get(name) ?? new Set()) },
    ]),
  );
  return { ...uses, integration };
}

function pick<T>(all: Record<string, T>, names: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
}

/** The bundle's constants, those too of a document that is wrong elsewhere; `undefined` when they are wrong themselves. */
function knownConstants(constants: Constants | undefined, document: unknown): Constants | undefined {
  if (constants !== undefined) return constants;
  const given = (document as { constants?: unknown } | null)?.constants;
  return given === undefined ? {} : Constants.safeParse(given).data;
}

/** As much of a wrong document as lets its flows be checked all the same. */
function looseHeader(document: unknown): z.output<typeof Header> {
  const given = typeof document === "object" && document !== null ? document : {};
  const flows = "flows" in given && Array.isArray(given.flows) ? given.flows.slice(0, MAX_FLOWS) : [];
  const project = "project" in given && typeof given.project === "string" ? given.project : undefined;
  return { sluice: 1, flows, ...(project === undefined ? {} : { project }) };
}
