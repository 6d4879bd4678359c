import type { RunRecord } from "../../domain/run";
import { RunBatch } from "./run-batch";
import { type GatheredRuns, isUsual, type SharedFields, segmentsOf } from "./run-segment";

/*
 * Ended runs that wait to be written. There are thousands a second, so of a usual one nothing is kept but its id and two
 * numbers: no object that lives on after the answer, and no text before it is needed.
 */

/** What a run that is kept as it is weighs, in usual runs, and what each of its messages does. */
const OTHER_WEIGHT = 5;
const MESSAGE_WEIGHT = 5;

export class RunGathering {
  /** By flow; one for each of its versions, triggers and users. */
  readonly #groups = new Map<number, GatheredRuns[]>();
  readonly #others: RunRecord[] = [];
  /** The group of the last run, which is the next one's as a rule. */
  #last: GatheredRuns | undefined;
  #weight = 0;

  /** How much there is to hold and to write, in usual runs; 0 when there is none. */
  get weight(): number {
    return this.#weight;
  }

  add(run: RunRecord): void {
    if (!isUsual(run)) {
      this.#weight += OTHER_WEIGHT + run.messages.length * MESSAGE_WEIGHT;
      this.#others.push(run);
      return;
    }
    this.#weight += 1;
    let group = this.#last;
    if (group === undefined || !shares(group.shared, run)) {
      group = this.#groupOf(run);
      this.#last = group;
    }
    group.ids.push(run.id);
    group.startedAt.push(run.startedAt);
    group.lastedMs.push(run.endedAt - run.startedAt);
  }

  /** Everything as texts for `D1RunLog.writeEncoded`, of at most about `maxBytes` bytes. */
  texts(maxBytes: number): string[] {
    const batch = new RunBatch(maxBytes);
    for (const groups of this.#groups.values()) {
      for (const group of groups) {
        for (const segment of segmentsOf(group)) {
          if (segment.count > 1) batch.addSegment(segment);
          // A run that nobody shares a segment with is found with less effort in a row of its own.
          else batch.addRun(onlyRunOf(group, segment.firstId));
        }
      }
    }
    for (const run of this.#others) batch.addRun(run);
    return batch.texts();
  }

  #groupOf(run: RunRecord): GatheredRuns {
    let groups = this.#groups.get(run.flowId);
    if (groups === undefined) {
      groups = [];
      this.#groups.set(run.flowId, groups);
    }
    let group = groups.find(({ shared }) => shares(shared, run));
    if (group === undefined) {
      const { environmentId, projectId, project, flowId, flow, flowVersion, trigger, user } = run;
      group = {
        shared: { environmentId, projectId, project, flowId, flow, flowVersion, trigger, user },
        ids: [],
        startedAt: [],
        lastedMs: [],
      };
      groups.push(group);
    }
    return group;
  }
}

function shares(shared: SharedFields, run: RunRecord): boolean {
  return (
    shared.flowId === run.flowId &&
    shared.flowVersion === run.flowVersion &&
    shared.user === run.user &&
    shared.trigger === run.trigger &&
    shared.environmentId === run.environmentId &&
    shared.projectId === run.projectId &&
    shared.project === run.project &&
    shared.flow === run.flow
  );
}

function onlyRunOf({ shared, ids, startedAt, lastedMs }: GatheredRuns, id: string): RunRecord {
  const index = ids.indexOf(id);
  const started = startedAt[index] as number;
  const endedAt = started + (lastedMs[index] as number);
  return { ...shared, id, startedAt: started, endedAt, status: "Success", message: null, messages: [] };
}
