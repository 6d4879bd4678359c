import { Webhooks } from "@octokit/webhooks";
import examples from "@octokit/webhooks-examples";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answered, applyWebhooks, send } from "../support/webhooks";
import { admin } from "../support/worker";

/** Everything that GitHub publishes as an example of what it sends, signed by its own library, over HTTP. */

const SECRET = "It's a Secret to Everybody";
const signer = new Webhooks({ secret: SECRET });
/** Deliveries on their way at a time. */
const LANES = 8;
const DELIVERIES = examples.flatMap(({ name, examples: payloads }) =>
  // As a sender that indents, and with letters of all kinds: bytes are signed, not values.
  payloads.map((payload, n) => ({
    event: name,
    id: `${name}/${n}`,
    body: JSON.stringify(payload, null, n % 3),
  })),
);

beforeAll(async () => {
  const set = await admin("PUT", "/secrets/github", { value: SECRET });
  expect(set.ok).toBe(true);
  await applyWebhooks(
    "github",
    [{ webhook: "github", flow: "told", signature: { scheme: "github", secret: "github" } }],
    [
      {
        flow: "told",
        start: "say",
        nodes: {
          say: {
            type: "calculate",
            set: {
              said: "=$debug(input.header.`x-github-delivery` & ' ' & $string($count($keys(input.json))))",
            },
            next: "end",
          },
        },
      },
    ],
  );
});

async function deliver({ event, id, body }: (typeof DELIVERIES)[number], sent = body): Promise<Answered> {
  return send("github", sent, {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/044aadd",
    "x-github-event": event,
    "x-github-delivery": id,
    "x-hub-signature-256": await signer.sign(body),
  });
}

async function inLanes<T>(list: readonly T[], visit: (element: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < list.length) {
      const element = list[next] as T;
      next += 1;
      await visit(element);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function all<T>(path: string, name: string): Promise<T[]> {
  const found: T[] = [];
  for (let cursor = ""; ; ) {
    const page = await (await admin("GET", `${path}limit=200${cursor}`)).json<Record<string, unknown>>();
    found.push(...(page[name] as T[]));
    if (page.next === null) return found;
    cursor = `&cursor=${page.next}`;
  }
}

describe("GitHub's examples", () => {
  const runs = new Map<string, string>();

  it("are of 58 events", () => {
    expect(examples).toHaveLength(58);
    expect(DELIVERIES.length).toBeGreaterThan(300);
  });

  it("are all taken, and kept byte for byte", async () => {
    await inLanes(DELIVERIES, async (delivery) => {
      const { status, text, id, run } = await deliver(delivery);
      expect(status, `${delivery.id}: ${text}`).toBe(201);
      runs.set(delivery.id, run);
      const kept = await admin("GET", `/webhooks/github/deliveries/${id}/body`);
      expect(new TextDecoder().decode(await kept.arrayBuffer()), delivery.id).toBe(delivery.body);
    });
  }, 120_000);

  it("come again as what they were", async () => {
    await inLanes(DELIVERIES, async (delivery) => {
      const { status, run } = await deliver(delivery);
      expect([delivery.id, status, run]).toEqual([delivery.id, 200, runs.get(delivery.id)]);
    });
  }, 120_000);

  it("are refused with another byte in them, and nothing of it is kept", async () => {
    await inLanes(DELIVERIES, async (delivery) => {
      const changed = delivery.body.replace(/[a-z]/, (letter) => letter.toUpperCase());
      const { status } = await deliver({ ...delivery, id: `${delivery.id}/changed` }, changed);
      expect([delivery.id, status]).toEqual([delivery.id, 401]);
    });
    const kept = await all<{ senderId: string }>("/webhooks/github/deliveries?", "deliveries");
    expect(kept).toHaveLength(DELIVERIES.length);
    expect(new Set(kept.map(({ senderId }) => senderId))).toEqual(new Set(DELIVERIES.map(({ id }) => id)));
  }, 120_000);

  it("ran once each, seeing what was sent", async () => {
    await expect
      .poll(
        async () => {
          const ended = await all<{ status: string }>("/runs?project=github&", "runs");
          return ended.filter(({ status }) => status === "Success").length;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(DELIVERIES.length);
    await inLanes(DELIVERIES, async ({ id, body }) => {
      const run = await (await admin("GET", `/runs/${runs.get(id)}`)).json<{
        messages: { text: string }[];
      }>();
      const said = `${id} ${Object.keys(JSON.parse(body)).length}`;
      expect(run.messages.map(({ text }) => text)).toEqual([said]);
    });
  }, 120_000);
});
