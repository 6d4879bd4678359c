/** The input of `since`, checked by hand: what a bare Worker does where a flow declares a shape. */

export interface Company {
  id: number;
  name: string;
  onboarded: string;
  amount: number;
}

export function isInput(value: unknown): value is { since: string; companies: Company[] } {
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
