import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";
import { isInput } from "./since-input.ts";

/**
 * What a developer would write by hand to let one call of a kind run at a time: `bare-since`, between two calls to a
 * Durable Object that stores who is inside, since an object may be evicted or moved at any moment and a lock that forgets
 * is none. It never notices that a holder died, knows no queue, and does not say who is inside.
 */

interface Bindings {
  LOCK: DurableObjectNamespace<Lock>;
}

export class Lock extends DurableObject<Bindings> {
  #holder: string | undefined = this.ctx.storage.kv.get("holder");

  acquire(holder: string): boolean {
    if (this.#holder !== undefined) return false;
    this.#holder = holder;
    this.ctx.storage.kv.put("holder", holder);
    return true;
  }

  release(holder: string): void {
    if (this.#holder !== holder) return;
    this.#holder = undefined;
    this.ctx.storage.kv.delete("holder");
  }
}

const app = new Hono<{ Bindings: Bindings }>();

app.post("/phixflow/api/1/action/:project/:flow/trigger", async (c) => {
  let input: unknown;
  try {
    input = await c.req.json();
  } catch {
    return c.json({ error: "the body is not JSON" }, 400);
  }
  if (!isInput(input)) return c.json({ error: "since and companies are needed" }, 400);
  const lock = c.env.LOCK.getByName(c.req.param("flow"));
  const holder = crypto.randomUUID();
  if (!(await lock.acquire(holder))) return c.json({ error: "busy" }, 409);
  const ids: number[] = [];
  let total = 0;
  try {
    for (const company of input.companies) {
      if (company.onboarded >= input.since) {
        ids.push(company.id);
        total += company.amount;
      }
    }
  } finally {
    await lock.release(holder);
  }
  return c.json({ count: ids.length, total, ids });
});

export default app;
