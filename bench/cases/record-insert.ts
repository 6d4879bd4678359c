import { setTimeout as delay } from "node:timers/promises";
import type { Case } from "../harness/case.ts";
import { compare } from "../harness/compare.ts";
import { requestBytes } from "../harness/load.ts";
import { type RecordWorld, startRecordWorld } from "../harness/records.ts";

const DATA = {
  client: [{ uuid: "c-1", name: "Ada", accounts: [{ iban: "NL91ABNA0417164300" }] }],
};
/** Records of one call whose way to the end is timed. */
const LIST = 1_000;
/** So far ahead that storing alone is measured: executing would have the same processor. */
const LATER = "2090-01-01T00:00:00Z";

export const recordInsert: Case = {
  key: "record_insert",
  title: "POST /v1/record, scheduled, against the bare D1 statement into the same table",
  reach: 0.5,
  async measure(options) {
    const world = await startRecordWorld(options);
    try {
      const headers = { ...world.headers, "X-Executiontime": LATER };
      const target = (base: string) =>
        requestBytes(`${base}/v1/record`, "POST", headers, JSON.stringify(DATA));
      for (const base of [world.direct, world.bare!]) await checkAnswer(base, headers);
      const measured = await compare(
        { target: target(world.direct), runtime: world.runtime },
        { target: target(world.bare!), runtime: world.runtime },
        options,
      );
      const { stored, finished } = await timeToFinished(world);
      return {
        ...measured,
        note: `${LIST} records of one call: stored and answered after ${stored} ms, all executed after ${finished} ms`,
      };
    } finally {
      await world.dispose();
    }
  },
};

async function checkAnswer(base: string, headers: Record<string, string>): Promise<void> {
  const response = await fetch(`${base}/v1/record`, { method: "POST", headers, body: JSON.stringify(DATA) });
  const { resource } = (await response.json()) as { resource: { data_record: unknown } };
  if (response.status !== 201 || JSON.stringify(resource.data_record) !== JSON.stringify(DATA)) {
    throw new Error(`${base} did not store the record: ${response.status}`);
  }
}

async function timeToFinished({
  direct,
  headers,
}: RecordWorld): Promise<{ stored: number; finished: number }> {
  const began = performance.now();
  const body = JSON.stringify(Array.from({ length: LIST }, () => DATA));
  const response = await fetch(`${direct}/v1/record`, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`storing ${LIST} records: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
  const stored = Math.round(performance.now() - began);
  for (;;) {
    const answer = await fetch(`${direct}/v1/record/search`, {
      headers: { ...headers, "X-Datarecord-Status": "2" },
    });
    const { resource } = (await answer.json()) as { resource: { total: number } };
    if (resource.total >= LIST) return { stored, finished: Math.round(performance.now() - began) };
    await delay(50);
  }
}
