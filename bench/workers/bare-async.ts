import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";
import { type Company, isInput } from "./since-input.ts";

/**
 * What a developer would write by hand instead of an asynchronous endpoint: one shared Durable Object. `start` stores the request
 * and answers; `done` stores the request and what each of the two steps computed, and answers with the result. It goes on with
 * nothing after a crash, keeps no history, and nobody can ask how a run stands.
 */

interface SinceInput {
  since: string;
  companies: Company[];
}

interface Bindings {
  RUNS: DurableObjectNamespace<Runs>;
}

export class Runs extends DurableObject<Bindings> {
  start(id: string, input: SinceInput): void {
    this.ctx.storage.kv.put(id, input);
  }

  done(id: string, input: SinceInput): { count: number; total: number; ids: number[] } {
    const { kv } = this.ctx.storage;
    kv.put(id, input);
    const recent = input.companies.filter(({ onboarded }) => onboarded >= input.since);
    kv.put(`${id}/recent`, recent);
    const summary = {
      count: recent.length,
      total: recent.reduce((sum, { amount }) => sum + amount, 0),
      ids: recent.map(({ id: company }) => company),
    };
    kv.put(`${id}/summary`, summary);
    return summary;
  }
}

const app = new Hono<{ Bindings: Bindings }>();

app.post("/:how{start|done}", async (c) => {
  let input: unknown;
  try {
    input = await c.req.json();
  } catch {
    return c.json({ error: "the body is not JSON" }, 400);
  }
  if (!isInput(input)) return c.json({ error: "since and companies are needed" }, 400);
  const runs = c.env.RUNS.getByName("runs");
  const processId = crypto.randomUUID();
  if (c.req.param("how") === "start") {
    await runs.start(processId, input);
    return c.json({ processId, status: "Queued" });
  }
  const summary = await runs.done(processId, input);
  return c.json({ processId, status: "Success", data: { summary: [summary] } });
});

export default app;
