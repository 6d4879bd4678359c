import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { RunView, StartRequest } from "../../src/domain/durable-run";
import type { FlowPointer } from "../../src/domain/flow-address";
import { newDurableRunId } from "../../src/domain/process-id";
import type { RunShard } from "../../src/durable/run-shard";

type Called =
  | "start"
  | "poll"
  | "read"
  | "withdraw"
  | "cancel"
  | "rerun"
  | "note"
  | "callback"
  | "answerCallback";
type Methods = {
  [M in Called]: (...given: Parameters<RunShard[M]>) => Promise<Awaited<ReturnType<RunShard[M]>>>;
};

/** A step as its row tells it. */
export interface StepRow {
  [column: string]: SqlStorageValue;
  path: string;
  at: number;
  attempt: number;
  emission: string | null;
}

/** In the future, so that the platform fires no alarm by itself: tests do. */
export const START = Date.parse("2100-03-01T12:00:00Z");

/** The time that everybody in this isolate sees, while it is stopped. */
export const clock = {
  now: START,
  /** Stops time at `START`; it goes on when the test says so. Not a fake timer: those move while a test waits. */
  stop(): void {
    clock.now = START;
    vi.spyOn(Date, "now").mockImplementation(() => clock.now);
  },
};

let count = 0;

/** A run shard of its own, looked at from outside and from inside. */
export class TestShard {
  readonly stub: DurableObjectStub<RunShard>;
  readonly call: Methods;

  constructor() {
    count += 1;
    this.stub = env.RUN_SHARD.getByName(`e1/shard/test-${count}`);
    this.call = this.stub as unknown as Methods;
  }

  /** Has a run accepted; its id. */
  async start(flow: FlowPointer, json: unknown, more: Partial<StartRequest> = {}): Promise<string> {
    const result = await this.call.start(startOf(flow, json, more));
    if (result.kind !== "accepted") throw new Error(`the run was not accepted: ${result.kind}`);
    return result.view.id;
  }

  async view(id: string): Promise<RunView> {
    const result = await this.call.poll(id);
    if (result.kind === "missing") throw new Error(`there is no run ${id}`);
    return result.view;
  }

  /** Waits until a run has a status; its view then. */
  async until(id: string, ...statuses: string[]): Promise<RunView> {
    return vi.waitFor(
      async () => {
        const view = await this.view(id);
        if (!statuses.includes(view.status)) throw new Error(`the run is ${view.status}`);
        return view;
      },
      { timeout: 5_000, interval: 5 },
    );
  }

  /** Rows of a statement. */
  rows<T extends Record<string, SqlStorageValue>>(sql: string, ...values: SqlStorageValue[]): Promise<T[]> {
    return runInDurableObject(this.stub, (_shard, state) =>
      state.storage.sql.exec<T>(sql, ...values).toArray(),
    );
  }

  steps(id: string): Promise<StepRow[]> {
    return this.rows<StepRow>(
      "SELECT path, at, attempt, emission FROM steps WHERE run = ? ORDER BY path",
      id,
    );
  }

  /** The alarm goes off, whether it is due or not. */
  async alarm(): Promise<void> {
    if (!(await runDurableObjectAlarm(this.stub))) throw new Error("no alarm is set");
  }

  /** Lets time pass, and the alarm go off if one is set. */
  async pass(ms: number): Promise<void> {
    clock.now += ms;
    await runDurableObjectAlarm(this.stub);
  }

  /** The memory of the object is lost. */
  evict(): Promise<void> {
    return evictDurableObject(this.stub);
  }

  /** Makes the tables what they were when the run had finished only the steps that `keep` chooses, and its object then died. */
  async dieAfter(id: string, keep: (path: string) => boolean): Promise<void> {
    await runInDurableObject(this.stub, (_shard, { storage: { sql } }) => {
      for (const { path } of sql
        .exec<{ path: string }>("SELECT path FROM steps WHERE run = ?", id)
        .toArray()) {
        if (!keep(path)) sql.exec("DELETE FROM steps WHERE run = ? AND path = ?", id, path);
      }
      sql.exec("DELETE FROM documents WHERE run = ? AND name IN ('outcome', 'messages')", id);
      sql.exec("DELETE FROM outbox WHERE run = ?", id);
      sql.exec(
        "UPDATE runs SET status = 'Running', attempts = 1, ended_at = NULL, message = NULL WHERE id = ?",
        id,
      );
    });
    await this.evict();
  }
}

export function startOf(flow: FlowPointer, json: unknown, more: Partial<StartRequest> = {}): StartRequest {
  const now = Date.now();
  return {
    id: newDurableRunId(now, 0),
    pointer: flow,
    trigger: "action",
    user: "system",
    startedAt: now,
    deadline: now + 10 * 86_400_000,
    nodes: 6,
    input: {
      method: "POST",
      url: "http://sluice.test/phixflow/api/1/action/p/f/trigger?a=1",
      headers: [["x-given", "yes"]],
      contentType: "application/json",
      client: "192.0.2.1",
      body: JSON.stringify(json),
    },
    messages: [],
    ...more,
  };
}

/** Where a flow that was applied is at present. */
export async function pointerOf(project: string, flow: string): Promise<FlowPointer> {
  const row = await env.DB.prepare(
    `SELECT p.id AS projectId, f.id AS flowId, f.current_version AS version FROM flows f JOIN projects p ON p.id = f.project_id
     WHERE p.name = ? AND f.name = ?`,
  )
    .bind(project, flow)
    .first<{ projectId: number; flowId: number; version: number }>();
  if (row === null) throw new Error(`there is no flow ${flow}`);
  return { environmentId: 1, project, flow, status: "running", ...row };
}
