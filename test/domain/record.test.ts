import { describe, expect, it } from "vitest";
import {
  QUEUE_ACTIONS,
  QUEUE_PLACES,
  type QueueAction,
  queueStep,
  RECORD_STATUS,
  type RecordState,
  runningName,
  statusName,
  uuidFault,
} from "../../src/domain/record";

const NOW = 1_000;
const waiting: RecordState = { status: 0, queue: "waiting" };
const scheduled: RecordState = { status: 4, queue: "waiting" };
const held: RecordState = { status: 0, queue: "held" };
const out: RecordState = { status: 0, queue: "none" };
const failed: RecordState = { status: 3, queue: "none" };
const finished: RecordState = { status: 2, queue: "none" };

describe("a step in the queue", () => {
  it.each<[QueueAction, RecordState, number | null, RecordState]>([
    ["pause-queue", waiting, NOW, held],
    ["pause-queue", scheduled, 2_000, held],
    ["resume-queue", held, 2_000, scheduled],
    ["resume-queue", held, NOW, waiting],
    ["execute-queue", scheduled, 2_000, waiting],
    ["execute-queue", held, 2_000, waiting],
    ["execute-queue", out, null, waiting],
    ["execute-queue", failed, null, waiting],
    ["delete-from-queue", held, 2_000, out],
    ["resume-and-continue", failed, null, waiting],
    ["mark-reviewed", failed, null, { status: 5, queue: "none" }],
    ["mark-errors-handled", { status: 5, queue: "none" }, null, { status: 6, queue: "none" }],
  ])("%s of %j, due at %s", (action, from, due, to) => {
    expect(queueStep(action, from, due, NOW)).toMatchObject(to);
  });

  it.each<[QueueAction, RecordState]>([
    ["pause-queue", finished],
    ["resume-queue", finished],
    ["execute-queue", finished],
    ["delete-from-queue", out],
    ["resume-and-continue", finished],
    ["resume-and-continue", waiting],
    ["mark-reviewed", finished],
  ])("%s of %j is not possible", (action, from) => {
    expect(queueStep(action, from, null, NOW)).toBeTypeOf("string");
  });

  it("never touches what a shard has, and leads only to states that there are", () => {
    for (const action of QUEUE_ACTIONS) {
      for (const status of Object.values(RECORD_STATUS)) {
        expect(queueStep(action, { status, queue: "taken" }, null, NOW)).toBe("it is being processed");
        for (const queue of QUEUE_PLACES) {
          const step = queueStep(action, { status, queue }, NOW, NOW);
          if (typeof step === "string") continue;
          expect(step.queue).not.toBe("taken");
          expect(step.queue === "waiting" ? [0, 4] : [0, 5, 6]).toContain(step.status);
        }
      }
    }
  });
});

describe("names", () => {
  it("tell a paused record from a new one", () => {
    expect([statusName(held), statusName(waiting), statusName(out), statusName(failed)]).toEqual([
      "Paused",
      "New",
      "Not in queue",
      "Finished with errors",
    ]);
    expect([runningName(waiting), runningName({ status: 1, queue: "taken" })]).toEqual([
      "Not running",
      "Running",
    ]);
  });

  it.each(["a", "0b1c", "order:4711", "a.b_c-d@e+f~g", "Zoë"])("%s is an identifier", (text) => {
    expect(uuidFault(text, 200)).toBeUndefined();
  });

  it.each(["", "-a", "a b", "a/b", "a,b", "a'b", "a\u0000b", "search", "MoveToFlow", "a".repeat(201)])(
    "%j is none",
    (text) => {
      expect(uuidFault(text, 200)).toBeTypeOf("string");
    },
  );
});
