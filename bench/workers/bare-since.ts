import { Hono } from "hono";
import { isInput } from "./since-input.ts";

/**
 * What a developer would write by hand instead of the flow `since`: the same input checked, the same answer, on the
 * framework that Sluice itself stands on. No history, no versions, nothing else.
 */

const app = new Hono();

app.post("/phixflow/api/1/action/:project/:flow/trigger", async (c) => {
  let input: unknown;
  try {
    input = await c.req.json();
  } catch {
    return c.json({ error: "the body is not JSON" }, 400);
  }
  if (!isInput(input)) return c.json({ error: "since and companies are needed" }, 400);
  const ids: number[] = [];
  let total = 0;
  for (const company of input.companies) {
    if (company.onboarded >= input.since) {
      ids.push(company.id);
      total += company.amount;
    }
  }
  return c.json({ count: ids.length, total, ids });
});

export default app;
