import { Hono } from "hono";

/** What a developer would write by hand to serve values from KV: one read, and the value. No credentials, no limits. */

const app = new Hono<{ Bindings: { VALUES: KVNamespace } }>();

app.get("/v1/keystore/:keystore/:key", async (c) => {
  const value = await c.env.VALUES.get(`${c.req.param("keystore")}/${c.req.param("key")}`);
  if (value === null) return c.json({ error: "missing" }, 404);
  return c.body(value, 200, { "content-type": "application/json; charset=utf-8" });
});

app.put("/v1/keystore/:keystore/:key", async (c) => {
  await c.env.VALUES.put(`${c.req.param("keystore")}/${c.req.param("key")}`, await c.req.text());
  return c.json({ ok: true });
});

export default app;
