import { flowReference } from "./flow-reference.mjs";
import { limitsPage } from "./limits.mjs";
import { loadModel } from "./model.mjs";

/**
 * The generated pages of the documentation, by their paths in the project.
 * @returns {Promise<Record<string, string>>}
 */
export async function generatedPages() {
  const model = await loadModel();
  return { "docs/flow-reference.md": flowReference(model), "docs/limits.md": limitsPage(model) };
}
