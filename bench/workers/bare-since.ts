import { Hono } from "hono";

/**
 * What a developer would write by hand instead of the flow `since`: the same input checked, the same answer, on the
 * framework that Sluice itself stands on. No history, no versions, nothing else.
 */

interface Company {
  id: number;
  name: string;
  onboarded: string;
  amount: number;
}

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

function isInput(value: unknown): value is { since: string; companies: Company[] } {
  if (typeof value !== "object" || value === null) return false;
  const { since, companies } = value as Record<string, unknown>;
  return isDate(since) && Array.isArray(companies) && companies.every(isCompany);
}

function isCompany(value: unknown): value is Company {
  if (typeof value !== "object" || value === null) return false;
  const { id, name, onboarded, amount } = value as Record<string, unknown>;
  return Number.isInteger(id) && typeof name === "string" && isDate(onboarded) && typeof amount === "number";
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;

/** A day that there is: no 30 February. */
function isDate(value: unknown): value is string {
  const match = typeof value === "string" ? DATE.exec(value) : null;
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (month < 1 || month > 12 || day < 1) return false;
  return day <= (month === 2 ? (isLeap(year) ? 29 : 28) : 30 + ((month + (month >> 3)) & 1));
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export default app;
