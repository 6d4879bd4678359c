import { describe, expect, test } from "vitest";
import type { FlowPointer, Resolution } from "../../src/domain/flow-address";
import type { MaybePromise } from "../../src/engine/maybe-promise";
import type { Plan } from "../../src/engine/plan";
import { endpointName, findEndpoint } from "../../src/operations/endpoint";
import type { Catalog, Trust } from "../../src/operations/ports";
import { flowOf, planOf } from "../support/trial";

const NOW = 1_000_000;

/** A catalog of one endpoint, whose version is the number of publications. */
class OneEndpoint {
  generation: object = {};
  version = 1;
  looked = 0;
  plan: () => MaybePromise<Plan> = () => plan;

  environment = () => ({ id: 1, organizationId: 1, name: "here" });
  resolve = (): Resolution => {
    this.looked += 1;
    const pointer = { environmentId: 1, flowId: 1, version: this.version, status: "running" } as FlowPointer;
    return { kind: "found", pointer, deprecated: false };
  };
  trust = (): Trust | undefined => ({ generation: this.generation, from: NOW, until: NOW + 1_000 });

  publish(): void {
    this.version += 1;
    this.generation = {};
  }

  get catalog(): Catalog {
    return this as unknown as Catalog;
  }
}

const plan = planOf(
  flowOf({ answer: { type: "respond", body: "yes" } }, { endpoint: { anonymous: true } } as never),
);
const name = () => endpointName("a.example", { kind: "named", project: "p", flow: "f" });

describe("an endpoint", () => {
  test("is looked up once for as long as what was found may be used", async () => {
    const one = new OneEndpoint();
    const wanted = name();
    const found = await findEndpoint(one.catalog, wanted, NOW);
    expect(findEndpoint(one.catalog, wanted, NOW + 999)).toBe(found);
    expect(one.looked).toBe(1);
    await findEndpoint(one.catalog, wanted, NOW + 1_000);
    await findEndpoint(one.catalog, wanted, NOW - 1);
    expect(one.looked).toBe(3);
  });

  test("that was published while it was looked up is looked up again", async () => {
    const one = new OneEndpoint();
    let loaded: (plan: Plan) => void = () => {};
    one.plan = () => new Promise((resolve) => (loaded = resolve));
    const wanted = name();
    const pending = findEndpoint(one.catalog, wanted, NOW);
    one.publish();
    loaded(plan);
    expect((await pending).pointer.version).toBe(1);
    one.plan = () => plan;
    expect((await findEndpoint(one.catalog, wanted, NOW)).pointer.version).toBe(2);
    expect((await findEndpoint(one.catalog, wanted, NOW)).pointer.version).toBe(2);
    expect(one.looked).toBe(2);
  });

  test("is looked up each time where nobody knows for how long it may be used", async () => {
    const one = new OneEndpoint();
    one.trust = () => undefined;
    const wanted = name();
    await findEndpoint(one.catalog, wanted, NOW);
    await findEndpoint(one.catalog, wanted, NOW);
    expect(one.looked).toBe(2);
  });
});
