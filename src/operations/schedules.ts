import type { Environment } from "../domain/environment";
import type { ScheduleView } from "../domain/schedule";
import type { Schedulers } from "./ports";

export interface ScheduleServices {
  schedulers: Schedulers;
}

/** A page of the schedules of an environment, by project and flow, and the cursor of the next one. */
export async function listSchedules(
  { schedulers }: ScheduleServices,
  environment: Environment,
  { project, flow }: { project?: string | undefined; flow?: string | undefined },
  limit: number,
  offset: number,
): Promise<{ schedules: ScheduleView[]; next: string | null }> {
  const all = (await schedulers.list(environment.id)).filter(
    (each) =>
      (project === undefined || each.project === project) && (flow === undefined || each.flow === flow),
  );
  const end = offset + limit;
  return { schedules: all.slice(offset, end), next: end < all.length ? String(end) : null };
}
