import { isDeepStrictEqual } from "node:util";
import { requestBytes, type Target } from "./load.ts";

/** The work of the demo's `since`: of 50 companies, those onboarded on or after a day. */

const COMPANIES = 50;
const SINCE = "2021-01-01";

const companies = Array.from({ length: COMPANIES }, (_, index) => ({
  id: index + 1,
  name: `Company ${index + 1}`,
  // Every other one before the day in question, on many days.
  onboarded: `${2020 + (index % 2) * 2}-${String((index % 12) + 1).padStart(2, "0")}-${String((index % 28) + 1).padStart(2, "0")}`,
  amount: ((index * 37) % 1_000) + 0.5,
}));

/** The request's body. */
export const sinceBody = JSON.stringify({ since: SINCE, companies });

const chosen = companies.filter((company) => company.onboarded >= SINCE);
/** What it comes to. */
export const sinceSummary = {
  count: chosen.length,
  total: chosen.reduce((sum, company) => sum + company.amount, 0),
  ids: chosen.map((company) => company.id),
};

export function sinceTarget(url: string, headers: Record<string, string> = {}): Target {
  return requestBytes(url, "POST", { "Content-Type": "application/json", ...headers }, sinceBody);
}

/** What a side may not get wrong, or there is nothing to compare: the answer, and refusing input of another type. */
export async function checkSince(
  name: string,
  url: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const post = (text: string) =>
    fetch(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: text });
  const response = await post(sinceBody);
  const text = await response.text();
  if (response.status !== 200 || !isDeepStrictEqual(JSON.parse(text), sinceSummary)) {
    throw new Error(`${name} answers ${response.status} ${text}, and not ${JSON.stringify(sinceSummary)}`);
  }
  for (const [field, value] of [
    ["id", "1"],
    ["id", 1.5],
    ["name", 1],
    ["onboarded", 20200101],
    ["onboarded", "2021-02-30"],
    ["amount", "10"],
  ] as const) {
    const wrong = companies.map((company, index) => (index === 7 ? { ...company, [field]: value } : company));
    const refused = await post(JSON.stringify({ since: SINCE, companies: wrong }));
    await refused.text();
    if (refused.status !== 400)
      throw new Error(
        `${name} answers ${refused.status} to a company whose ${field} is ${JSON.stringify(value)}`,
      );
  }
  for (const wrong of ["", "{", "[]", '{"since":1,"companies":[]}', '{"since":"2021-01-01"}']) {
    const refused = await post(wrong);
    await refused.text();
    if (refused.status !== 400)
      throw new Error(`${name} answers ${refused.status} to the body ${JSON.stringify(wrong)}`);
  }
}
