import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRuntime, type TestRuntime } from "./support/runtime";

/** A Worker beside ours, in the same runtime, that tries what is forbidden. */
const PROBE = `
  const attempt = (make) => { try { return typeof make(); } catch (error) { return error.name; } };
  export default {
    fetch: () => Response.json([attempt(() => (0, eval)("1")), attempt(() => new Function("return 1"))]),
  };
`;

let runtime: TestRuntime;
beforeAll(async () => {
  runtime = await startTestRuntime({
    otherWorkers: [
      {
        name: "probe",
        modules: true,
        script: PROBE,
        compatibilityDate: "2026-10-20",
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
    ],
  });
});
afterAll(async () => {
  await runtime?.dispose();
});

test("an unknown path is answered with a 404 in JSON", async () => {
  const response = await fetch(`${runtime.url}/nowhere`);
  expect(response.status).toBe(404);
  expect(response.headers.get("Content-Type")).toMatch(/json/);
  expect(await response.json()).toBeTypeOf("object");
});

test("it comes back after a SIGKILL, at the same address", async () => {
  const before = runtime.pid!;
  expect(() => process.kill(before, 0)).not.toThrow();
  await runtime.kill();
  expect(runtime.pid).toBeUndefined();
  await expect(fetch(`${runtime.url}/nowhere`)).rejects.toThrow();
  await runtime.restart();
  expect(runtime.pid).not.toBe(before);
  expect((await fetch(`${runtime.url}/nowhere`)).status).toBe(404);
});

test("eval is forbidden, as in production: a library that needs it would fail here, though not in other tests", async () => {
  expect(await (await fetch(await runtime.directUrl("probe"))).json()).toEqual(["EvalError", "EvalError"]);
});
