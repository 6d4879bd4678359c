import { z } from "zod";
import { Bundle } from "../domain/bundle";
import type { Problem } from "../domain/errors";
import { FlowDefinition, type FlowSource } from "../domain/flow";
import type { StoredVersion } from "../domain/flow-address";
import { pointer } from "../domain/json-path";
import { MAX_FLOW_BYTES } from "../domain/limits";
import { schemaProblems } from "../domain/schema-problems";
import { compileFlow } from "../engine/compile";
import type { NodeRegistry } from "../engine/node-type";

/** A flow of a bundle that was checked: what will be stored of it, and what its endpoint asks for. */
export interface CheckedFlow {
  name: string;
  stored: StoredVersion;
  alias: string | null;
  hasEndpoint: boolean;
}

export interface CheckedBundle {
  /** The bundle's own settings, without flows. */
  header: Omit<z.output<typeof Bundle>, "flows">;
  flows: CheckedFlow[];
  problems: Problem[];
}

/** The bundle with its flows left aside, so that one wrong flow does not hide what is wrong with the others. */
const Header = Bundle.extend({
  flows: z.array(z.unknown(), { error: "`flows` is a list of flows" }).max(5_000).default([]),
});

/**
 * Checks a whole bundle and reports everything that is wrong with it at once.
 * @param project name of the project in the URL
 */
export function checkBundle(document: unknown, project: string, registry: NodeRegistry): CheckedBundle {
  const problems: Problem[] = [];
  const parsed = Header.safeParse(document);
  if (!parsed.success) {
    problems.push(...schemaProblems(Bundle, parsed.error));
  }
  const { flows: sources, ...header } = parsed.success
    ? parsed.data
    : { ...looseHeader(document), sluice: 1 as const };
  if (header.project !== undefined && header.project !== project) {
    problems.push({
      path: "/project",
      reason: `the document is of project "${header.project}", and the URL names "${project}"`,
    });
  }

  const definitions = new Map<string, { definition: FlowDefinition; source: FlowSource; index: number }>();
  for (const [index, source] of sources.entries()) {
    const flow = FlowDefinition.safeParse(source);
    if (!flow.success) {
      problems.push(...schemaProblems(FlowDefinition, flow.error, ["flows", index]));
      continue;
    }
    const { flow: name } = flow.data;
    const twin = definitions.get(name);
    if (twin !== undefined) {
      problems.push({
        path: pointer("flows", index, "flow"),
        reason: `flow "${name}" is at /flows/${twin.index} already; names are unique in a project`,
      });
      continue;
    }
    if (JSON.stringify(source).length > MAX_FLOW_BYTES) {
      problems.push({
        path: pointer("flows", index),
        reason: `a flow's definition has at most ${MAX_FLOW_BYTES} bytes as JSON (MAX_FLOW_BYTES)`,
      });
    }
    definitions.set(name, { definition: flow.data, source: source as FlowSource, index });
  }

  const flows: CheckedFlow[] = [];
  const aliases = new Map<string, string>();
  for (const [name, { definition, source, index }] of definitions) {
    const calls: Record<string, string[]> = {};
    const { problems: found } = compileFlow(
      definition,
      { environmentId: 0, projectId: 0, project, flowId: 0, version: 0 },
      {
        registry,
        flowNames: () => [...definitions.keys()],
        flowOutputs: (called) => {
          const outputs = definitions.get(called)?.definition.outputs;
          if (!definitions.has(called)) return undefined;
          calls[called] = Object.keys(outputs ?? {});
          return calls[called];
        },
      },
    );
    for (const problem of found) problems.push({ ...problem, path: `/flows/${index}${problem.path}` });
    const alias = definition.endpoint?.alias ?? null;
    if (alias !== null) {
      const owner = aliases.get(alias);
      if (owner !== undefined)
        problems.push({
          path: pointer("flows", index, "endpoint", "alias"),
          reason: `flow "${owner}" has the alias "${alias}" too`,
        });
      aliases.set(alias, name);
    }
    flows.push({
      name,
      stored: { definition: source, calls },
      alias,
      hasEndpoint: definition.endpoint !== undefined,
    });
  }
  flows.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { header, flows, problems };
}

/** As much of a wrong document as lets its flows be checked all the same. */
function looseHeader(document: unknown): { flows: unknown[]; project?: string } {
  if (typeof document !== "object" || document === null) return { flows: [] };
  const flows = "flows" in document && Array.isArray(document.flows) ? document.flows : [];
  return { flows };
}
