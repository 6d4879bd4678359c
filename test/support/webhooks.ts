import { admin, call } from "./worker";

/** Webhooks as their senders and their operators see them. For tests of the project "workerd". */

/** A flow that says what it was started with; its one output tells whatever a test wants to see again. */
export const SEEN_FLOW = {
  flow: "seen",
  outputs: { out: "any" },
  start: "out",
  nodes: {
    out: {
      type: "output",
      to: "out",
      value: {
        body: "=input.body",
        contentType: "=input.contentType",
        headers: "=input.headers",
        url: "=input.url",
        method: "=input.method",
        json: "=input.json",
        form: "=input.form",
        xml: "=input.xml",
        said: "=$debug(input.body)",
      },
    },
  },
};

/** Applies webhooks as a project of their own, beside a flow that echoes. */
export async function applyWebhooks(
  project: string,
  webhooks: readonly object[],
  flows: readonly object[] = [],
) {
  const response = await admin("PUT", `/projects/${encodeURIComponent(project)}`, {
    flows: [SEEN_FLOW, ...flows],
    webhooks: webhooks.map((webhook) => ({ flow: "seen", ...webhook })),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}

export interface Answered {
  status: number;
  text: string;
  headers: Headers;
  /** The answer's own id of the delivery, and its run. */
  id: string;
  run: string;
}

export async function send(
  webhook: string,
  body: RequestInit["body"],
  headers: Record<string, string> = {},
  query = "",
): Promise<Answered> {
  const response = await call(`/v1/webhook/${webhook}${query}`, {
    method: "POST",
    headers,
    body: body ?? null,
  });
  const text = await response.text();
  let resource: { _id?: { $id: string }; process_id?: string } = {};
  if (response.headers.get("content-type")?.includes("json")) {
    resource = (JSON.parse(text) as { resource?: typeof resource }).resource ?? {};
  }
  return {
    status: response.status,
    text,
    headers: response.headers,
    id: resource._id?.$id ?? "",
    run: resource.process_id ?? "",
  };
}

interface DeliveryOnWire {
  id: string;
  runId: string;
  state: string;
  error: string | null;
  [more: string]: unknown;
}

/** A delivery once its run has been started, or cannot be. */
export async function settled(webhook: string, id: string): Promise<DeliveryOnWire> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await admin("GET", `/webhooks/${webhook}/deliveries/${id}`);
    const delivery = await response.json<DeliveryOnWire>();
    if (delivery.state !== "waiting" || attempt > 400) return delivery;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface RunOnWire {
  id: string;
  status: string;
  trigger: string;
  user: string;
  message: string | null;
  messages: { text: string; details?: string }[];
}

/** A run once it has ended. */
export async function ended(id: string): Promise<RunOnWire> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await admin("GET", `/runs/${id}`);
    if (response.ok) {
      const run = await response.json<RunOnWire & { endedAt: string | null }>();
      if (run.endedAt !== null || attempt > 400) return run;
    } else if (attempt > 400) throw new Error(`${response.status}: ${await response.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
