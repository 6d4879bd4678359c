import type { ApplyOutcome, ProjectChange, Schedulers } from "../../operations/ports";
import { D1Projects } from "./projects";

/**
 * Projects whose schedules the environment's scheduler is told of. It is told before the change too, that it look by itself
 * soon: so the process may die between the commit and the word of it, and no schedule is lost.
 */
export class AnnouncedProjects extends D1Projects {
  readonly #schedulers: Schedulers;

  constructor(db: D1Database, schedulers: Schedulers) {
    super(db);
    this.#schedulers = schedulers;
  }

  override async apply(change: ProjectChange): Promise<ApplyOutcome> {
    if (!change.publish || !mayCarrySchedules(change)) return super.apply(change);
    await this.#schedulers.expect(change.environmentId);
    const applied = await super.apply(change);
    if (applied.kind === "applied") await this.#schedulers.reconcile(change.environmentId);
    return applied;
  }
}

/** Whether a change may bring a schedule; one that only takes some away is found out when they are due. */
function mayCarrySchedules({ flows, republish }: ProjectChange): boolean {
  return republish.length > 0 || flows.some(({ stored }) => stored.includes('"schedule":'));
}
