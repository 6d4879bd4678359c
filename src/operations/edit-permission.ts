import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { Projects } from "./ports";

/**
 * Whether someone may change flows of a project, as their `permissions.edit` say: those that are current, and their drafts.
 * New flows may be made by whoever may administer the project.
 * @param groups the groups that he is in; `undefined` for administrators of the deployment, whom no flow shuts out
 * @throws SluiceError forbidden, naming the first flow that he may not change
 */
export async function requireEdit(
  projects: Projects,
  { id: environmentId }: Environment,
  projectId: number,
  groups: readonly string[] | undefined,
  flows: readonly string[],
): Promise<void> {
  if (groups === undefined || flows.length === 0) return;
  const touched = new Set(flows);
  for (const drafts of [false, true]) {
    for (const { definition } of await projects.definitions(environmentId, projectId, drafts)) {
      const permitted = definition.permissions?.edit;
      if (permitted === undefined || !touched.has(definition.flow)) continue;
      if (permitted.some((group) => groups.includes(group))) continue;
      throw new SluiceError(
        "forbidden",
        `The flow "${definition.flow}" may be changed by users of certain groups only, and the user of this key is in none of them; nothing was changed.`,
      );
    }
  }
}
