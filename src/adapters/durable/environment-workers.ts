import type { EnvironmentManager } from "../../durable/environment-manager";
import type { EnvironmentWorkers } from "../../operations/environments/ports";
import type { NamedObjects } from "./placement";

/** The objects that carry changes of environments out, one for each environment. */
export class DurableEnvironmentWorkers implements EnvironmentWorkers {
  readonly #namespace: NamedObjects<EnvironmentManager>;

  constructor(namespace: NamedObjects<EnvironmentManager>) {
    this.#namespace = namespace;
  }

  async wake(environmentId: number): Promise<void> {
    await this.#namespace.getByName(`e${environmentId}`).wake(environmentId);
  }
}
