import { beforeAll, describe, expect, it, vi } from "vitest";
import { data, EnvironmentCaller, hostOf, type WireEnvironment } from "../support/environments";
import { issueApiKey } from "../support/v1";
import { admin, call, post, returning } from "../support/worker";

// Changes of environments are waited for, and a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 });

/** Constants of a project over HTTP: applied, exported, versioned, and copied between environments as static data. */

let caller: EnvironmentCaller;

beforeAll(async () => {
  caller = new EnvironmentCaller(await issueApiKey("organization"));
});

const bundle = (constants: unknown, more: object[] = []) => ({
  constants,
  flows: [returning("told", "=$constants.greeting & ' ' & $constants.shop.name"), ...more],
});
const apply = async (project: string, document: unknown, headers: Record<string, string> = {}) => {
  const applied = await admin("PUT", `/projects/${project}`, document, headers);
  const body = await applied.json<{ flows: Record<string, unknown>; version: number; changed: boolean }>();
  if (!applied.ok) throw new Error(JSON.stringify(body));
  return body;
};
const told = async (project: string, host?: string) => {
  const answer = await call(`/phixflow/api/1/action/${project}/told/trigger`, {}, host);
  return (await answer.json<{ data: { out: string[] } }>()).data.out[0];
};

describe("constants of a project", () => {
  it("are applied and exported with it; another value is a new version of the flows that read it, and of no others", async () => {
    const quiet = returning("quiet", "nothing");
    await apply("greeting", bundle({ greeting: "Hello", shop: { name: "A" }, unread: 1 }, [quiet]));
    expect(await told("greeting")).toBe("Hello A");
    const exported = await (await admin("GET", "/projects/greeting")).json<{ constants: unknown }>();
    expect(exported.constants).toEqual({ greeting: "Hello", shop: { name: "A" }, unread: 1 });
    const again = await apply("greeting", exported);
    expect(again.changed).toBe(false);
    const changed = await apply(
      "greeting",
      bundle({ greeting: "Bye", shop: { name: "A" }, unread: 1 }, [quiet]),
    );
    expect(changed.flows).toMatchObject({ updated: ["told"], unchanged: 1 });
    expect(await told("greeting")).toBe("Bye A");
    const unread = await apply(
      "greeting",
      bundle({ greeting: "Bye", shop: { name: "A" }, unread: 2 }, [quiet]),
    );
    expect([unread.changed, unread.flows]).toMatchObject([true, { updated: [], unchanged: 2 }]);
  });

  it("that a flow names and the project does not have are refused with 422, and nothing is changed", async () => {
    await apply("strict", bundle({ greeting: "Hello", shop: { name: "A" } }));
    const refused = await admin(
      "PUT",
      "/projects/strict",
      bundle({ greating: "Hello", shop: { name: "A" } }),
    );
    expect(refused.status).toBe(422);
    expect(await refused.text()).toContain('"nearest":"greating"');
    expect(await told("strict")).toBe("Hello A");
  });

  it("of a draft are its own, and not the project's until it is published", async () => {
    await apply("drafted", bundle({ greeting: "Hello", shop: { name: "A" } }));
    await admin("PUT", "/projects/drafted?publish=false", bundle({ greeting: "Draft", shop: { name: "A" } }));
    expect(await told("drafted")).toBe("Hello A");
    const exported = await (await admin("GET", "/projects/drafted")).json<{ constants: unknown }>();
    expect(exported.constants).toEqual({ greeting: "Hello", shop: { name: "A" } });
    // Made current, a version takes the project's constants as they are, like its other resources.
    const { versions } = await (await admin("GET", "/projects/drafted/flows/told/versions")).json<{
      versions: { version: number; state: string }[];
    }>();
    const draft = versions.find(({ state }) => state === "draft")?.version;
    expect(draft).toBeDefined();
    const current = await admin("PUT", "/projects/drafted/flows/told/current", { version: draft });
    expect([current.status, await told("drafted")]).toEqual([200, "Hello A"]);
  });

  it("are what a version was published with, also in a run that began before", async () => {
    await apply("lasting", {
      constants: { word: "before" },
      flows: [
        {
          flow: "slow",
          endpoint: { anonymous: true, mode: "async" },
          outputs: { out: "any" },
          start: "pause",
          nodes: {
            pause: { type: "delay", for: "600ms", next: "out" },
            out: { type: "output", to: "out", value: "=$constants.word" },
          },
        },
      ],
    });
    const begun = await (await post("lasting/slow/trigger", {})).json<{ processId: string }>();
    const exported = await (await admin("GET", "/projects/lasting")).json<object>();
    await apply("lasting", { ...exported, constants: { word: "after" } });
    await expect
      .poll(
        async () => {
          const polled = await call(`/phixflow/api/1/action/lasting/slow/poll/${begun.processId}`);
          return (await polled.json<{ data?: { out?: string[] } }>()).data?.out;
        },
        { timeout: 8_000, interval: 200 },
      )
      .toEqual(["before"]);
  });

  it("come along when a project is added to an environment; later only as static data", async () => {
    await apply("travels", bundle({ greeting: "Hello", shop: { name: "Design" } }));
    const hosted = await data<{ id: string; name: string }[]>(await caller.send("GET", "/1/projects"));
    const id = hosted.find(({ name }) => name === "travels")?.id;
    const environment: WireEnvironment = await caller.ready();
    const host = hostOf(environment);
    const add = async (body: object) => {
      await data(await caller.send("POST", `/${environment.id}/project/${id}`, body));
      await caller.becomes(environment.id, "ready");
    };
    await add({});
    expect(await told("travels", host)).toBe("Hello Design");
    // The environment gets a value of its own.
    const own = { "x-environment": environment.id };
    await apply("travels", bundle({ greeting: "Hello", shop: { name: "Live" } }), own);
    expect(await told("travels", host)).toBe("Hello Live");
    const more = returning("more", "=$constants.added");
    await apply("travels", bundle({ greeting: "Welcome", shop: { name: "Design" }, added: "new" }, [more]));
    await add({ static_data: "no" });
    expect(await told("travels", host)).toBe("Hello Live");
    const added = await call("/phixflow/api/1/action/travels/more/trigger", {}, host);
    expect(await added.json()).toMatchObject({ data: { out: ["new"] } });
    await add({ static_data: "yes" });
    expect(await told("travels", host)).toBe("Welcome Design");
  }, 20_000);
});
