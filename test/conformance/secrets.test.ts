import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { SecretCipher } from "../../src/adapters/secret-cipher";
import { app } from "../../src/app";
import type { Bindings } from "../../src/bindings";
import { servicesOf } from "../../src/services";
import { countingBindings } from "../support/counting-bindings";
import { admin, ORIGIN } from "../support/worker";

/** Secrets: written, never read (contract, section 5; DESIGN, *Secrets and keys*). */

const VALUE = "s3cr3t-välue-7b1f";
const put = (name: string, value: unknown) => admin("PUT", `/secrets/${encodeURIComponent(name)}`, { value });
const read = (bindings: Bindings, name: string, environmentId = 1) =>
  servicesOf(bindings).host.services.secrets.get(environmentId, name);

const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");

describe("over HTTP", () => {
  test("set, listed, read without the value, changed, deleted", async () => {
    const created = await put("fx-token", VALUE);
    expect(created.status).toBe(201);
    const first = (await created.json()) as Record<string, unknown>;
    expect(first).toEqual({
      name: "fx-token",
      encryptedUnder: "current",
      createdAt: expect.any(String) as string,
      updatedAt: first.createdAt,
      updatedBy: "admin",
    });
    expect(await (await admin("GET", "/secrets/fx-token")).json()).toEqual(first);
    expect(await (await admin("GET", "/secrets?limit=1")).json()).toEqual({ secrets: [first], next: null });
    expect((await put("fx-token", "another")).status).toBe(200);
    expect(await read(env, "fx-token")).toBe("another");
    expect((await admin("DELETE", "/secrets/fx-token")).status).toBe(204);
    expect((await admin("GET", "/secrets/fx-token")).status).toBe(404);
    expect((await admin("DELETE", "/secrets/fx-token")).status).toBe(404);
    expect(await read(env, "fx-token")).toBeUndefined();
  });

  test("the value is in no answer, no export, no log and not in the database in clear", async () => {
    await put("hidden", VALUE);
    for (const path of ["/secrets", "/secrets/hidden", "/audit"])
      expect(await (await admin("GET", path)).text()).not.toContain("7b1f");
    const { results } = await env.DB.prepare("SELECT * FROM secrets").all();
    expect(JSON.stringify(results)).not.toContain("7b1f");
    expect(await read(env, "hidden")).toBe(VALUE);
  });

  test.each([
    ["an empty value", { value: "" }],
    ["no value", {}],
    ["a number", { value: 7 }],
    ["more fields", { value: VALUE, note: VALUE }],
    ["an array", [VALUE]],
    ["a text", JSON.stringify(VALUE)],
    ["no JSON", `{"value": "${VALUE}`],
  ])("%s: 400, which repeats nothing of the body", async (_, body) => {
    const response = await admin("PUT", "/secrets/wrong", body);
    const text = await response.text();
    expect([response.status, text.includes("7b1f")]).toEqual([400, false]);
    expect((await admin("GET", "/secrets/wrong")).status).toBe(404);
  });

  test("32 KiB are taken, a byte more is refused by name", async () => {
    expect((await put("large", "x".repeat(32 * 1024))).status).toBe(201);
    const over = await put("large", "x".repeat(32 * 1024 + 1));
    expect([over.status, await over.text()]).toEqual([400, expect.stringContaining("MAX_SECRET_BYTES")]);
    expect((await put("large", "x".repeat(70_000))).status).toBe(413);
  });

  test.each(["%2Fetc", "a%00b", "__proto__", "x".repeat(101), "%20a"])("the name %s: 400", async (name) => {
    expect((await admin("PUT", `/secrets/${name}`, { value: "v" })).status).toBe(400);
    expect((await admin("GET", `/secrets/${name}`)).status).toBe(400);
  });

  test("an environment has 1,000 of them at the most", async () => {
    await env.DB.prepare(
      `INSERT INTO secrets (environment_id, name, key_id, sealed, created_at, updated_at, updated_by)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000 - (SELECT count(*) FROM secrets WHERE environment_id = 1))
       SELECT 1, 'many' || i, 'k', 's', 0, 0, 'test' FROM n`,
    ).run();
    const over = await put("one too many", "v");
    expect([over.status, await over.text()]).toEqual([409, expect.stringContaining("MAX_SECRETS")]);
    expect((await put("many1", "v")).status).toBe(200);
    await env.DB.prepare("DELETE FROM secrets WHERE name LIKE 'many%'").run();
  });

  test.each([
    ["none", undefined],
    ["an empty one", ""],
    ["31 bytes", Buffer.alloc(31, 1).toString("base64")],
    ["no base64", "not base64 at all, though it is long enough"],
  ])("with %s as master key every route is closed, and says why", async (_, masterKey) => {
    const { MASTER_KEY: _key, ...rest } = { ...env };
    const bindings = (masterKey === undefined ? rest : { ...rest, MASTER_KEY: masterKey }) as Bindings;
    for (const [method, path, body] of [
      ["GET", "/secrets"],
      ["GET", "/secrets/a"],
      ["PUT", "/secrets/a", { value: "v" }],
      ["DELETE", "/secrets/a"],
      ["POST", "/secrets/reencrypt"],
    ] as const) {
      const response = await app.fetch(
        new Request(`${ORIGIN}/admin/v1${path}`, {
          method,
          headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }) as never,
        bindings,
        createExecutionContext() as never,
      );
      expect([response.status, await response.json()]).toMatchObject([503, { code: "not_configured" }]);
    }
  });
});

describe("for flows", () => {
  test("is read once, and again after ten seconds; a change through the same isolate is there at once", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      await put("cached", "one");
      const isolate = countingBindings(env);
      expect(await read(isolate.bindings, "cached")).toBe("one");
      isolate.reset();
      expect(read(isolate.bindings, "cached")).toBe("one");
      expect(isolate.counts.statements).toEqual([]);
      await put("cached", "two");
      expect(await read(env, "cached")).toBe("two");
      expect(await read(isolate.bindings, "cached")).toBe("one");
      vi.setSystemTime(Date.now() + 10_000);
      expect(await read(isolate.bindings, "cached")).toBe("two");
    } finally {
      vi.useRealTimers();
    }
  });

  test("is another environment's only: neither seen nor, moved by hand, decrypted", async () => {
    await put("mine", VALUE);
    expect(await read(env, "mine", 2)).toBeUndefined();
    await env.DB.batch([
      env.DB.prepare("INSERT OR IGNORE INTO organizations (id, name, created_at) VALUES (2, 'other', 0)"),
      env.DB.prepare(
        "INSERT OR IGNORE INTO environments (id, organization_id, name, is_default, created_at) VALUES (2, 2, 'other', 0, 0)",
      ),
      env.DB.prepare(
        "INSERT INTO secrets SELECT 2, 'moved', key_id, sealed, created_at, updated_at, updated_by FROM secrets WHERE name = 'mine'",
      ),
      env.DB.prepare(
        "INSERT INTO secrets SELECT 2, 'mine', key_id, sealed, created_at, updated_at, updated_by FROM secrets WHERE environment_id = 1 AND name = 'mine'",
      ),
      env.DB.prepare(
        "INSERT INTO secrets SELECT 1, 'renamed', key_id, sealed, created_at, updated_at, updated_by FROM secrets WHERE environment_id = 1 AND name = 'mine'",
      ),
    ]);
    const fresh = { ...env };
    for (const [name, environmentId] of [
      ["mine", 2],
      ["moved", 2],
      ["renamed", 1],
    ] as const)
      await expect(read(fresh, name, environmentId)).rejects.toMatchObject({ code: "not_configured" });
    expect(await read(fresh, "mine", 1)).toBe(VALUE);
  });
});

describe("changing the master key", () => {
  test("the previous one still reads; reencrypt moves everything; then the previous one can go", async () => {
    await env.DB.prepare("DELETE FROM secrets").run();
    for (const name of ["a", "b", "c"]) await put(name, `value of ${name}`);
    const rotated = { ...env, MASTER_KEY: key(9), MASTER_KEY_PREVIOUS: key(1) };
    const only = { ...env, MASTER_KEY: key(9) };
    expect(await read(rotated, "a")).toBe("value of a");
    await expect(read(only, "a")).rejects.toMatchObject({ code: "not_configured" });
    const { vault } = servicesOf(rotated);
    expect((await vault.list(1, 10, undefined)).map(({ encryptedUnder }) => encryptedUnder)).toEqual(
      Array(3).fill("previous"),
    );
    expect(await vault.reseal()).toEqual({ resealed: 3, unreadable: 0 });
    expect(await vault.reseal()).toEqual({ resealed: 0, unreadable: 0 });
    expect(await read({ ...only }, "b")).toBe("value of b");
    expect(await servicesOf({ ...env }).vault.reseal()).toEqual({ resealed: 0, unreadable: 3 });
    expect((await admin("POST", "/secrets/reencrypt")).status).toBe(200);
  });
});

test("the same value is another ciphertext each time, and a changed byte is noticed", async () => {
  const cipher = new SecretCipher(key(1));
  const [one, two] = [await cipher.seal(1, "n", VALUE), await cipher.seal(1, "n", VALUE)];
  expect(one.sealed).not.toBe(two.sealed);
  expect(await cipher.open(1, "n", one)).toBe(VALUE);
  const bytes = Buffer.from(one.sealed, "base64");
  bytes[bytes.length - 1]! ^= 1;
  await expect(cipher.open(1, "n", { ...one, sealed: bytes.toString("base64") })).rejects.toMatchObject({
    code: "not_configured",
  });
  await expect(cipher.open(2, "n", one)).rejects.toThrow();
  await expect(cipher.open(1, "m", one)).rejects.toThrow();
});
