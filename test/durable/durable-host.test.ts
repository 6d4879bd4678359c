import { describe, expect, test, vi } from "vitest";
import { DurableHost, type DurableHostOptions } from "../../src/durable/run-shard/durable-host";
import { SmallMap } from "../../src/engine/small-map";

/** A host over steps that are taken and forgotten. */
function hostOf(advanced: () => void): DurableHost {
  const steps = { write: () => undefined, writeEffect: () => undefined, sync: async () => undefined };
  return new DurableHost({
    run: "run-1",
    environmentId: 1,
    origin: undefined,
    attempt: 3,
    resumed: false,
    steps,
    advanced,
  } as unknown as DurableHostOptions);
}

describe("a run that was taken up again", () => {
  test("got further with the first effect of a step, however many the step has", async () => {
    const advanced = vi.fn();
    const host = hostOf(advanced);
    await host.writeEffect("call", "0", { status: 200 });
    expect(advanced).toHaveBeenCalledTimes(1);
    await host.writeEffect("call", "1", { status: 200 });
    host.write("call", { results: new SmallMap(), failures: [] }, []);
    expect(advanced).toHaveBeenCalledTimes(1);
  });

  test("got further with the first step", () => {
    const advanced = vi.fn();
    hostOf(advanced).write("price", { results: new SmallMap(), failures: [] }, []);
    expect(advanced).toHaveBeenCalledTimes(1);
  });
});
