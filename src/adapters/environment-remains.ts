import { INBOX_SHARDS, inboxName } from "../domain/delivery";
import { keystorePrefix } from "../domain/keystore";
import type { StoringObjectAddress } from "../domain/object-storage";
import { logWarning } from "../domain/operator-log";
import type { Keystore } from "../durable/keystore";
import type { RecordSweeper } from "../durable/record-sweeper";
import type { RunShard } from "../durable/run-shard";
import type { Scheduler } from "../durable/scheduler";
import type { WebhookInbox } from "../durable/webhook-inbox";
import type { InboxPage, EnvironmentRemains as Remains } from "../operations/environments/purge-environment";
import type { EnvironmentPurge } from "./d1/environment-purge";
import type { NamedObjects } from "./durable/placement";

/** Objects that are asked in one piece of work, and at a time. */
const OBJECTS = 200;
const AT_ONCE = 20;
/** Inboxes that are asked in one piece of work to forget projects: an invocation may ask a thousand objects. */
const INBOXES = 900;
/** Copies that are removed in one piece of work, and at a time: an invocation has six connections. */
const COPIES = 500;
const COPIES_AT_ONCE = 6;

export interface EnvironmentRemainsOptions {
  rows: EnvironmentPurge;
  shards: NamedObjects<RunShard>;
  /** How many run shards an environment has. */
  shardCount: number;
  schedulers: NamedObjects<Scheduler>;
  sweepers: NamedObjects<RecordSweeper>;
  inboxes: NamedObjects<WebhookInbox>;
  keystores: NamedObjects<Keystore>;
  catalogCopies: KVNamespace;
  keystoreCopies: KVNamespace;
}

/** What there is of an environment in objects, at the edge and in the database. */
export class EnvironmentRemains implements Remains {
  readonly #options: EnvironmentRemainsOptions;

  constructor(options: EnvironmentRemainsOptions) {
    this.#options = options;
  }

  async endObjects(environmentId: number): Promise<boolean> {
    const { rows, schedulers, sweepers, shards, shardCount } = this.#options;
    // Those first that start runs.
    await schedulers.getByName(`e${environmentId}/scheduler`).close();
    await sweepers.getByName(`e${environmentId}/records`).close();
    const objects = await rows.storingObjects(environmentId, OBJECTS);
    for (let first = 0; first < objects.length; first += AT_ONCE) {
      await Promise.all(objects.slice(first, first + AT_ONCE).map((object) => this.#end(object)));
    }
    if (objects.length > 0) {
      await rows.forgetObjects(environmentId, objects);
      return false;
    }
    const ended = await Promise.all(
      Array.from({ length: shardCount }, (_, number) =>
        shards.getByName(`e${environmentId}/shard/${number}`).close(),
      ),
    );
    return !ended.includes(false);
  }

  async forgetDeliveries(
    environmentId: number,
    { webhooks = [], after = "" }: InboxPage,
    now: number,
  ): Promise<string | undefined> {
    const { rows, inboxes } = this.#options;
    const projects = await rows.removedProjects(environmentId);
    if (projects.length === 0) return undefined;
    const own = webhooks.flatMap((webhook) => inboxNames(environmentId, webhook)).slice(0, INBOXES);
    const telling = await rows.tellingInboxes(environmentId, after, INBOXES - own.length);
    const names = [...new Set([...own, ...telling.map((name) => `e${environmentId}/webhook/${name}`)])];
    for (let first = 0; first < names.length; first += AT_ONCE) {
      const asked = names.slice(first, first + AT_ONCE);
      const answers = await Promise.allSettled(
        asked.map((name) => inboxes.getByName(name).forgetProjects(projects, now)),
      );
      for (const [index, answer] of answers.entries()) {
        if (answer.status === "rejected") {
          const about = { environmentId, inbox: asked[index] };
          logWarning("an inbox still has deliveries of deleted projects", answer.reason, about);
        }
      }
    }
    return telling.length === INBOXES - own.length ? telling.at(-1) : undefined;
  }

  async clearCopies(environmentId: number): Promise<boolean> {
    const { catalogCopies, keystoreCopies } = this.#options;
    return (
      (await clear(catalogCopies, `e/${environmentId}/`)) &&
      (await clear(keystoreCopies, `e${environmentId}/`))
    );
  }

  removeRows(environmentId: number): Promise<boolean> {
    return this.#options.rows.removeRows(environmentId);
  }

  async #end({ environmentId, kind, name }: StoringObjectAddress): Promise<void> {
    const { inboxes, keystores } = this.#options;
    if (kind === "webhook") {
      for (const object of inboxNames(environmentId, name)) await inboxes.getByName(object).close();
      return;
    }
    const object = keystores.getByName(`e${environmentId}/${kind}/${name}`);
    await object.clear(keystorePrefix({ environmentId, id: Number(name) }));
  }
}

/** Objects of a webhook. One shard may have told of itself, while the others have not. */
function inboxNames(environmentId: number, name: string): string[] {
  const [webhook = name] = name.split("/", 1);
  return Array.from({ length: INBOX_SHARDS }, (_, shard) => inboxName(environmentId, webhook, shard));
}

/** @returns whether no copy is left whose key begins so */
async function clear(kv: KVNamespace, prefix: string): Promise<boolean> {
  const { keys, list_complete: complete } = await kv.list({ prefix, limit: COPIES });
  for (let first = 0; first < keys.length; first += COPIES_AT_ONCE) {
    await Promise.all(keys.slice(first, first + COPIES_AT_ONCE).map(({ name }) => kv.delete(name)));
  }
  return complete;
}
