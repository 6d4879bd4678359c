import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { servicesOf } from "../../src/services";
import { admin, returning } from "../support/worker";

/** What a project has beside its flows, as the management API takes and gives it. */

const put = (project: string, bundle: object, query = "") =>
  admin("PUT", `/projects/${project}${query}`, bundle);

describe("resources of a bundle", () => {
  beforeAll(async () => {
    const applied = await put("res-one", {
      flows: [returning("hello", 1)],
      events: [{ event: "order.created", description: "An order came in." }],
    });
    expect(applied.status).toBe(201);
    expect(await applied.json()).toMatchObject({
      resources: { event: { created: ["order.created"], updated: [], removed: [], unchanged: 0 } },
    });
  });

  it("are exported as they were applied, and applying them again changes nothing", async () => {
    const exported = await (await admin("GET", "/projects/res-one")).json<Record<string, unknown>>();
    expect(exported.events).toEqual([{ event: "order.created", description: "An order came in." }]);
    const again = await put("res-one", exported);
    expect(await again.json()).toMatchObject({ changed: false, resources: { event: { unchanged: 1 } } });
  });

  it("are found by name in their environment, and no more once they are gone", async () => {
    const { catalog } = servicesOf(env);
    expect(await catalog.resource(1, "event", "order.created")).toMatchObject({
      kind: "event",
      name: "order.created",
      project: "res-one",
    });
    expect(await catalog.resource(2, "event", "order.created")).toBeUndefined();
    await put("res-gone", { events: [{ event: "gone" }] });
    expect((await catalog.resources(1, "event")).map(({ name }) => name)).toContain("gone");
    const report = await (await put("res-gone", { flows: [] })).json();
    expect(report).toMatchObject({ changed: true, resources: { event: { removed: ["gone"] } } });
    expect(await catalog.resource(1, "event", "gone")).toBeUndefined();
    expect((await catalog.resources(1, "event")).map(({ name }) => name)).not.toContain("gone");
  });

  it("are refused when another project has the name", async () => {
    const refused = await put("res-two", { events: [{ event: "order.created" }] });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      errors: [{ path: "/events/0/event", reason: expect.stringContaining('project "res-one"') }],
    });
  });

  it("are refused with the place of every mistake", async () => {
    const refused = await put("res-three", {
      events: [{ event: "a" }, { event: "a" }, { event: "" }, { evnt: "b" }, 5],
      websites: "none",
    });
    expect(refused.status).toBe(422);
    const { errors } = await refused.json<{ errors: { path: string }[] }>();
    const paths = errors.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["/websites", "/events/1/event", "/events/2/event", "/events/4"]),
    );
  });

  it("are left alone by a draft and by a dry run", async () => {
    const { catalog } = servicesOf(env);
    for (const query of ["?publish=false", "?dryRun=true"]) {
      const answer = await put(
        "res-draft",
        { flows: [returning("hello", 1)], events: [{ event: "later" }] },
        query,
      );
      expect(answer.ok).toBe(true);
      expect(await catalog.resource(1, "event", "later")).toBeUndefined();
    }
  });
});
