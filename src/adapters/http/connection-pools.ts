import type { AcquireRequest, GroupAddress } from "../../domain/exclusion-group";
import { RENEW_MS } from "../../domain/exclusion-group";
import type { ConnectionPool, PoolAnswer, PoolUser } from "../../engine/outgoing-port";
import type { ExclusionGroups } from "../../operations/ports";

/** Calls that may wait for a connection of one pool: a bound, not a promise. */
const MAX_WAITING = 1_000;
/** Milliseconds that a place in the queue is kept after its call; nobody asks again. */
const KEEP_MS = 1_000;

/**
 * Connection pools of integrations: the objects behind exclusion groups, with as many permits as a pool has connections.
 * A permit is a lease, so a call that dies gives its connection back by itself.
 */
export class ConnectionPools {
  readonly #groups: ExclusionGroups;

  constructor(groups: ExclusionGroups) {
    this.#groups = groups;
  }

  async connect(pool: ConnectionPool, user: PoolUser, signal: AbortSignal): Promise<PoolAnswer> {
    const address: GroupAddress = {
      environmentId: pool.environmentId,
      kind: "pool",
      name: `${pool.project}/${pool.integration}`,
    };
    const request: AcquireRequest = {
      runId: user.id,
      project: user.project,
      flow: user.flow,
      flowId: user.flowId,
      user: user.user,
      onBusy: pool.waitMs > 0 ? "queue" : "reject",
      maxQueue: MAX_WAITING,
      waitMs: pool.waitMs,
      keepMs: KEEP_MS,
      permits: pool.size,
    };
    const answer = await this.#groups.acquire(address, request);
    if (answer.kind === "undecided") {
      this.#groups.abandon(address, user.id);
      return { kind: "undecided", reason: answer.reason };
    }
    if (answer.kind !== "granted") {
      if (answer.kind === "queued") this.#groups.abandon(address, user.id);
      return { kind: "busy" };
    }
    if (signal.aborted) {
      this.#groups.abandon(address, user.id);
      throw signal.reason;
    }
    return { kind: "connected", release: this.#held(address, user.id) };
  }

  /** Renews the lease until it is given back. */
  #held(address: GroupAddress, id: string): () => void {
    const timer = setInterval(() => {
      this.#groups.renew(address, id).catch(() => undefined);
    }, RENEW_MS);
    return () => {
      clearInterval(timer);
      this.#groups.abandon(address, id);
    };
  }
}
