import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { EnvironmentPurge } from "../../src/adapters/d1/environment-purge";
import { EnvironmentRemains, type EnvironmentRemainsOptions } from "../../src/adapters/environment-remains";
import { carryOut } from "../../src/operations/environments/carry-out";
import type { EnvironmentServices } from "../../src/operations/environments/environments";

/** Deliveries of projects that were taken out of an environment: every inbox is asked to forget them, however many there are. */

/** Inboxes that one piece of work asks. */
const PAGE = 900;

/** An environment that lost a project, with inboxes that told of deliveries. */
async function environmentWith(inboxes: number) {
  const row = await env.DB.prepare(
    "INSERT INTO environments (organization_id, name, is_default, created_at) SELECT id, ?1, 0, 0 FROM organizations LIMIT 1 RETURNING id",
  )
    .bind(crypto.randomUUID())
    .first<{ id: number }>();
  const environmentId = row?.id as number;
  const project = await env.DB.prepare(
    "INSERT INTO projects (environment_id, name, created_at, updated_at, removed_at) VALUES (?, 'gone', 0, 0, 1) RETURNING id",
  )
    .bind(environmentId)
    .first<{ id: number }>();
  await env.DB.prepare(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
     INSERT INTO object_storage SELECT ?1, 'webhook', 'hook' || i, 10 FROM n WHERE ?2 > 0`,
  )
    .bind(environmentId, inboxes)
    .run();
  const asked: string[] = [];
  const broken = new Set<string>();
  const stub = (name: string) => ({
    forgetProjects: async (projects: number[]) => {
      expect(projects).toEqual([project?.id]);
      asked.push(name);
      if (broken.has(name)) throw new Error("the inbox does not answer");
    },
  });
  const remains = new EnvironmentRemains({
    rows: new EnvironmentPurge(env.DB),
    inboxes: { getByName: stub },
  } as unknown as EnvironmentRemainsOptions);
  return { environmentId, remains, asked, broken };
}

/** How many inboxes each page asked, until there are no more. */
async function pages({ remains, environmentId, asked }: Awaited<ReturnType<typeof environmentWith>>) {
  const sizes: number[] = [];
  let after: string | undefined;
  do {
    const before = asked.length;
    after = await remains.forgetDeliveries(environmentId, { after }, 5);
    sizes.push(asked.length - before);
  } while (after !== undefined);
  return sizes;
}

describe("inboxes", () => {
  test.each([
    [0, [0]],
    [PAGE - 1, [PAGE - 1]],
    [PAGE, [PAGE, 0]],
    [2 * PAGE + 1, [PAGE, PAGE, 1]],
  ])("%i of them are asked once each, a page at a time", async (count, sizes) => {
    const environment = await environmentWith(count);
    expect(await pages(environment)).toEqual(sizes);
    expect(new Set(environment.asked).size).toBe(count);
  });

  test("of the project's own webhooks are asked first, although they have told of nothing", async () => {
    const { environmentId, remains, asked } = await environmentWith(PAGE);
    const after = await remains.forgetDeliveries(environmentId, { webhooks: ["own"] }, 5);
    expect(asked).toHaveLength(PAGE);
    const own = asked.slice(0, 4).map((name) => name.replace(`e${environmentId}/webhook/`, ""));
    expect(own).toEqual(["own", "own/1", "own/2", "own/3"]);
    await remains.forgetDeliveries(environmentId, { after }, 5);
    expect(new Set(asked).size).toBe(PAGE + 4);
  });

  test("that fail hold up no others; the log says which", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const environment = await environmentWith(30);
    const name = `e${environment.environmentId}/webhook/hook7`;
    environment.broken.add(name);
    expect(await pages(environment)).toEqual([30]);
    expect(warned).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ inbox: name }));
    warned.mockRestore();
  });
});

test("an optimization asks them all, each page in a piece of work of its own", async () => {
  const { environmentId, remains, asked } = await environmentWith(PAGE + 5);
  const row = { id: environmentId, status: "upgrading", updatedAt: 0, usedBytes: 100, failure: null };
  let pending: unknown = { kind: "optimize" };
  const moved: unknown[] = [];
  const services = {
    world: { now: () => 1_000_000 },
    remains,
    retentionMs: 1,
    droppedKeystores: { list: async () => [] },
    environments: {
      find: async () => ({ ...row, pending }),
      progress: async (_id: number, next: unknown) => {
        pending = next;
      },
      optimize: async () => ({ runs: 2 }),
      measure: async () => 60,
      move: async (...change: unknown[]) => {
        moved.push(change);
      },
    },
  } as unknown as EnvironmentServices;
  expect(await carryOut(services, environmentId)).toBe(0);
  expect([asked.length, moved.length]).toEqual([PAGE, 0]);
  expect(pending).toEqual({ kind: "optimize", after: expect.stringMatching(/^hook\d+$/) });
  expect(await carryOut(services, environmentId)).toBeUndefined();
  expect(new Set(asked).size).toBe(PAGE + 5);
  const optimized = { runs: 2, bytes: 40, at: 1_000_000 };
  expect(moved).toEqual([[environmentId, "upgrading", "ready", null, 1_000_000, { optimized }]]);
});
