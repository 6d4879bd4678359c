import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";

test("a shard makes its tables once", async () => {
  const stub = env.RUN_SHARD.getByName("e1/shard/tables");
  await runInDurableObject(stub, (_shard, state) => {
    expect(state.storage.sql.exec("SELECT count(*) AS n FROM runs").one()).toEqual({ n: 0 });
  });
});
