import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import { IntegrationDefinition } from "../domain/integration";
import { type ApplyResult, type ApplyServices, applyProject, projectTag } from "./apply-project";
import { targetProblems } from "./check-integration";
import { type ImportedIntegration, type ImportOptions, importOpenApi } from "./import-openapi";
import type { CallTargets } from "./ports";
import { exportProject } from "./projects";

export interface ImportRequest extends ImportOptions {
  environment: Environment;
  project: string;
  /** The OpenAPI document, parsed. */
  document: unknown;
  /** Puts the integration into the project, in the place of one of its name. */
  apply: boolean;
  by: string;
}

export type ImportResult = ImportedIntegration & { applied?: ApplyResult };

/**
 * Makes an integration of an OpenAPI document, and puts it into a project when that is asked for.
 * @throws SluiceError as `importOpenApi` and `applyProject`
 */
export async function importIntegration(
  services: ApplyServices,
  request: ImportRequest,
): Promise<ImportResult> {
  const imported = importOpenApi(request.document, request);
  noteTargets(imported, services.callTargets);
  if (!request.apply) return imported;
  const { environment, project, by } = request;
  const stored = await services.projects.find(environment.id, project);
  const present = stored !== undefined && !stored.removed;
  const exported = present ? await exportProject(services, environment, project, false) : undefined;
  const bundle: Record<string, unknown> = exported?.bundle ?? {};
  const integrations = (bundle.integrations ?? []) as { integration: string }[];
  const { integration } = imported;
  const others = integrations.filter((each) => each.integration !== integration.integration);
  const applied = await applyProject(services, {
    environment,
    project,
    document: { ...bundle, integrations: [...others, integration] },
    dryRun: false,
    publish: true,
    drop: [],
    // Whoever changed the project meanwhile shall not lose what they did.
    ifMatch: exported === undefined ? undefined : [projectTag(exported.version)],
    ifNoneMatch: exported === undefined ? ["*"] : undefined,
    by,
  });
  return { ...imported, applied };
}

/**
 * An integration whose base URL may not be called would be of no use; what else may not be is for its editor to change.
 * @throws SluiceError invalid_request
 */
function noteTargets({ integration, notes }: ImportedIntegration, targets: CallTargets): void {
  for (const { at, reason } of targetProblems(IntegrationDefinition.parse(integration), targets)) {
    if (at !== "/baseUrl") notes.push(`${at.slice(1).replaceAll("/", ".")}: ${reason}`);
    else {
      throw new SluiceError(
        "invalid_request",
        `${upperFirst(reason)}: give it with the parameter \`baseUrl\` of this request.`,
      );
    }
  }
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
