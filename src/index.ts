import { consumeHistory } from "./adapters/queue/run-history";
import { app } from "./app";
import type { Bindings } from "./bindings";
import { servicesOf } from "./services";

export { AttemptCounter } from "./durable/attempt-counter";
export { EnvironmentManager } from "./durable/environment-manager";
export { ExclusionGroup } from "./durable/exclusion-group";
export { Keystore } from "./durable/keystore";
export { RateLimiter } from "./durable/rate-limit";
export { RecordSweeper } from "./durable/record-sweeper";
export { RunShard } from "./durable/run-shard";
export { Scheduler } from "./durable/scheduler";
export { WebhookInbox } from "./durable/webhook-inbox";

export default {
  fetch(request: Request, env: Bindings, ctx: ExecutionContext): Response | Promise<Response> {
    return app.fetch(request, env, ctx);
  },

  /** Delivered run history goes into the database. */
  async queue(batch: MessageBatch, env: Bindings, _ctx: ExecutionContext): Promise<void> {
    await consumeHistory(batch, servicesOf(env).runLog);
  },
} satisfies ExportedHandler<Bindings>;
