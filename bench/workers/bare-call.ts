import { Hono } from "hono";

/** What a developer would write by hand to call another system and hand on a part of what it answers. */

interface Input {
  base: string;
  /** Where the other system is: a benchmark's port is not known before it runs. */
  party: string;
}

function isInput(value: unknown): value is Input {
  const input = value as Input | null;
  return typeof input === "object" && typeof input?.base === "string" && typeof input.party === "string";
}

const app = new Hono();

app.post("/phixflow/api/1/action/:project/:flow/trigger", async (c) => {
  let input: unknown;
  try {
    input = await c.req.json();
  } catch {
    return c.json({ error: "the body is not JSON" }, 400);
  }
  if (!isInput(input)) return c.json({ error: "base and party are needed" }, 400);
  const response = await fetch(`${input.party}/rates?base=${encodeURIComponent(input.base)}`, {
    headers: { accept: "application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  if (response.status !== 200) return c.json({ error: `answered ${response.status}` }, 502);
  const { rate } = (await response.json()) as { rate: number };
  return c.json({ rate });
});

export default app;
