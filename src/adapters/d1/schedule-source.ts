import type { FlowState } from "../../domain/flow-address";
import type { CarriedSchedule } from "../../domain/schedule";

const SCHEDULED = `SELECT f.id AS flow_id, f.name AS flow, f.status, f.updated_at, p.id AS project_id, p.name AS project,
    json_extract(v.definition, '$.definition.schedule') AS schedule
  FROM flow_versions v INDEXED BY flow_versions_scheduled
  JOIN flows f ON f.id = v.flow_id AND f.current_version = v.version AND f.retired_at IS NULL
  JOIN projects p ON p.id = f.project_id
  WHERE v.environment_id = ?1 AND json_extract(v.definition, '$.definition.schedule') IS NOT NULL`;

interface Row {
  flow_id: number;
  flow: string;
  status: FlowState;
  updated_at: number;
  project_id: number;
  project: string;
  schedule: string;
}

/** As a schedule stands in a stored definition: defaults may be left out. */
type Written = Pick<CarriedSchedule, "cron"> & Partial<Pick<CarriedSchedule, "timeZone" | "missed">>;

/** The schedules of an environment, as they are published. */
export class D1ScheduleSource {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  /** What is carried out at present. @param defaults for what a definition leaves out */
  async current(
    environmentId: number,
    defaults: Pick<CarriedSchedule, "timeZone" | "missed">,
  ): Promise<CarriedSchedule[]> {
    const { results } = await this.#db.prepare(SCHEDULED).bind(environmentId).all<Row>();
    return results.flatMap((row) =>
      [JSON.parse(row.schedule) as Written | Written[]].flat().map((written) => ({
        projectId: row.project_id,
        project: row.project,
        flowId: row.flow_id,
        flow: row.flow,
        status: row.status,
        since: row.updated_at,
        cron: written.cron,
        timeZone: written.timeZone ?? defaults.timeZone,
        missed: written.missed ?? defaults.missed,
      })),
    );
  }
}
