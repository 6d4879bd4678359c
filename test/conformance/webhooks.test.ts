import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { INBOX_SHARDS, inboxName, inboxShardFor, inboxShardOf } from "../../src/domain/delivery";
import { sha256Hex } from "../../src/domain/digest";
import { servicesOf } from "../../src/services";
import { sign } from "../support/signers";
import { accessToken, keyHeaders, type V1Credentials, v1Credentials } from "../support/v1";
import { applyWebhooks, ended, SEEN_FLOW, send, settled } from "../support/webhooks";
import { admin, call, ORIGIN } from "../support/worker";

/** Webhooks, as the seed ("Webhooks"), the contract (section 3) and their senders' documentation describe them. */

const WHSEC = `whsec_${btoa("twenty-four bytes of key")}`;
const SECRETS: Record<string, string> = {
  github: "It's a Secret to Everybody",
  github_old: "the one before",
  stripe: "whsec_stripe",
  standard: WHSEC,
  slack: "8f742231b10e8888abcd99yyyzzz85a5",
  twilio: "12345",
  plain: "plain secret",
  token: "verify me",
};
const JSON_TYPE = { "content-type": "application/json" };

beforeAll(async () => {
  for (const [name, value] of Object.entries({ ...SECRETS, nowhere: "for a moment" })) {
    const set = await admin("PUT", `/secrets/${name}`, { value });
    if (!set.ok) throw new Error(`${set.status}: ${await set.text()}`);
  }
  await applyWebhooks("hooks", [
    { webhook: "plain" },
    { webhook: "my hook: größe" },
    { webhook: "github", signature: { scheme: "github", secret: ["github", "github_old"] } },
    { webhook: "github-sha1", signature: { scheme: "github", secret: "github", allowSha1: true } },
    { webhook: "stripe", signature: { scheme: "stripe", secret: "stripe" } },
    { webhook: "standard", signature: { scheme: "standard", secret: "standard" } },
    { webhook: "svix", signature: { scheme: "svix", secret: "standard" } },
    { webhook: "slack", signature: { scheme: "slack", secret: "slack" } },
    { webhook: "twilio", signature: { scheme: "twilio", secret: "twilio" } },
    {
      webhook: "hmac",
      signature: { scheme: "hmac", secret: "plain", header: "X-Sig", prefix: "sha256=" },
      dedupe: { json: "$.event.id" },
    },
    { webhook: "unset", signature: { scheme: "github", secret: "nowhere" } },
    { webhook: "text-only", contentTypes: ["text/*", "application/json"] },
    { webhook: "content", dedupe: "content" },
    { webhook: "always", dedupe: false },
    { webhook: "header", dedupe: { header: "X-Event-Id" } },
    {
      webhook: "meta",
      signature: { scheme: "github", secret: "github" },
      challenge: { query: "hub.challenge", verify: { query: "hub.verify_token", secret: "token" } },
    },
    {
      webhook: "okta",
      challenge: { header: "X-Okta-Verification-Challenge", answer: { json: "verification" } },
    },
    { webhook: "graph", challenge: { method: "POST", query: "validationToken" } },
    {
      webhook: "json-challenge",
      challenge: {
        method: "POST",
        json: "challenge",
        when: { type: "verify" },
        answer: { json: "challenge" },
      },
    },
    { webhook: "locked", credentials: "required" },
  ]);
});

describe("the seed's request", () => {
  it("is answered in the seed's shape, and starts the flow", async () => {
    const sent = await send("plain", "{}", { ...JSON_TYPE, "cache-control": "no-cache" });
    expect(sent.status, sent.text).toBe(201);
    expect(JSON.parse(sent.text)).toEqual({
      id: "created",
      code: 201,
      "request-ip": "127.0.0.1",
      resource: {
        _id: { $id: sent.id },
        customer_id: "1",
        plugin_id: expect.stringMatching(/^\d+$/),
        application_id: expect.stringMatching(/^\d+$/),
        date_created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
        data: { flow_id: expect.stringMatching(/^\d+$/) },
        process_id: sent.run,
      },
      message: "Data stored successfully",
      error: null,
    });
    expect(await settled("plain", sent.id)).toMatchObject({ state: "started", runId: sent.run });
    expect(await ended(sent.run)).toMatchObject({ status: "Success", trigger: "webhook", user: "system" });
  });

  it("needs no credentials, and looks at none that it did not ask for", async () => {
    for (const headers of [{}, { "x-apikey": "wrong" }, { authorization: "Bearer junk" }]) {
      expect((await send("plain", "{}", { ...JSON_TYPE, ...headers })).status).toBe(201);
    }
  });

  it("is found by a name with spaces and other letters, with or without a slash at the end", async () => {
    expect((await send(encodeURIComponent("my hook: größe"), "{}", JSON_TYPE)).status).toBe(201);
    expect((await send("plain/", "{}", JSON_TYPE)).status).toBe(201);
  });

  it("answers in XML to what was sent as XML, or where Accept asks for it", async () => {
    const xml = await send("plain", "<order><id>1</id></order>", { "content-type": "text/xml" });
    expect(xml.status).toBe(201);
    expect(xml.headers.get("content-type")).toContain("xml");
    expect(xml.text).toContain("<message>Data stored successfully</message>");
    const asked = await send("plain", "{}", { ...JSON_TYPE, accept: "application/xml" });
    expect(asked.headers.get("content-type")).toContain("xml");
  });

  it.each(["nobody", "x".repeat(101), "%00", "..%2Fplain", "'; DROP TABLE resources"])(
    "is 404 at %j",
    async (name) => {
      const { status, text } = await send(encodeURIComponent(decodeURIComponent(name)), "{}", JSON_TYPE);
      expect(status, text).toBe(404);
      expect(JSON.parse(text)).toMatchObject({ id: "error", resource: [], error: { code: 404 } });
    },
  );

  it("takes POST; OPTIONS tells so, and a GET without a challenge is 405", async () => {
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH"]) {
      expect((await call("/v1/webhook/plain", { method })).status, method).toBe(405);
    }
    const options = await call("/v1/webhook/plain", { method: "OPTIONS" });
    expect(options.status).toBe(204);
    expect(options.headers.get("allow")).toContain("POST");
  });
});

describe("bodies", () => {
  const bytes = Uint8Array.from({ length: 700 }, (_, index) => (index * 7) % 256);

  it.each<[string, string, RequestInit["body"]]>([
    ["bytes of no kind", "application/octet-stream", bytes],
    ["malformed JSON", "application/json", '{"a":'],
    ["JSON with an exact notation", "application/json", '{ "b" : 1.0,\r\n"a":"\\u00e9" }'],
    ["malformed XML", "application/xml", "<a><b></a>"],
    ["a form", "application/x-www-form-urlencoded", "a=1&a=2&b=%E4"],
    ["an unfinished multipart", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data"],
    ["no content type that there is", "nonsense", "text"],
    ["a character set that there is not", "text/plain; charset=klingon", "nuqneH"],
    ["text in Latin-1", "text/plain; charset=iso-8859-1", Uint8Array.of(0xe4, 0xf6)],
    ["nothing", "application/json", ""],
  ])("are kept byte for byte: %s", async (_what, contentType, body) => {
    const sent = await send("plain", body, { "content-type": contentType });
    expect([200, 201], sent.text).toContain(sent.status);
    const id = sent.id || /<_id><_?\$?id>([^<]+)/.exec(sent.text)?.[1] || (await newest("plain"));
    const kept = await admin("GET", `/webhooks/plain/deliveries/${id}/body`);
    expect(kept.status).toBe(200);
    expect(kept.headers.get("content-type")).toBe("application/octet-stream");
    const expected = typeof body === "string" ? new TextEncoder().encode(body) : (body as Uint8Array);
    expect(new Uint8Array(await kept.arrayBuffer())).toEqual(new Uint8Array(expected));
    const delivery = await settled("plain", id);
    expect(delivery).toMatchObject({ state: "started", contentType, size: expected.length });
    expect(await ended(delivery.runId)).toMatchObject({ status: "Success" });
  });

  it("are kept compressed as they came, too", async () => {
    const sent = await send("plain", bytes, { ...JSON_TYPE, "content-encoding": "gzip" });
    expect(sent.status).toBe(201);
    const kept = await admin("GET", `/webhooks/plain/deliveries/${sent.id}/body`);
    expect(new Uint8Array(await kept.arrayBuffer())).toEqual(bytes);
  });

  it("reach the flow with their headers, content type, URL and parsed views, and without credentials", async () => {
    const told: Record<string, string> = {};
    await applyWebhooks(
      "tell",
      [{ webhook: "tell", flow: "tell" }],
      [
        {
          flow: "tell",
          start: "say",
          nodes: {
            say: {
              type: "calculate",
              set: {
                all: "=$debug($string({'body': input.body, 'type': input.contentType, 'url': input.url, 'method': input.method, 'json': input.json.order.id, 'query': input.query.a, 'header': input.header.`x-event`, 'headers': input.headers}))",
              },
              next: "end",
            },
          },
        },
      ],
    );
    const body = '{"order":{"id":17}}';
    const headers = { ...JSON_TYPE, "x-event": "paid", authorization: "Basic c2VjcmV0", cookie: "a=b" };
    const sent = await send("tell", body, headers, "?a=1&token=hidden");
    const run = await ended((await settled("tell", sent.id)).runId);
    Object.assign(told, JSON.parse(run.messages[0]?.text ?? "{}"));
    expect(told).toMatchObject({
      body,
      type: "application/json",
      method: "POST",
      json: 17,
      query: "1",
      header: "paid",
    });
    expect(told.url).toMatch(/^http:\/\/sluice\.test\/v1\/webhook\/tell\?a=1/);
    expect(JSON.stringify(run)).not.toMatch(/c2VjcmV0|hidden|a=b/);
    const delivery = await admin("GET", `/webhooks/tell/deliveries/${sent.id}`);
    expect(await delivery.text()).not.toMatch(/c2VjcmV0|hidden|a=b/);
  });

  it("of 25 MB are kept; what is more than a run takes starts none, and says so", async () => {
    const large = new Uint8Array(25 * 1024 * 1024).fill(0x61);
    large[0] = 0x62;
    large[large.length - 1] = 0x7a;
    const headers = {
      "content-type": "application/octet-stream",
      "x-sig": `sha256=${sign.hmac("plain secret", large)}`,
    };
    const sent = await send("hmac", large, headers);
    expect(sent.status, sent.text).toBe(201);
    expect(await settled("hmac", sent.id)).toMatchObject({
      state: "failed",
      size: large.length,
      error: expect.stringContaining("MAX_WEBHOOK_RUN_BYTES"),
    });
    const kept = new Uint8Array(
      await (await admin("GET", `/webhooks/hmac/deliveries/${sent.id}/body`)).arrayBuffer(),
    );
    expect(kept.length).toBe(large.length);
    expect([kept[0], kept[1], kept.at(-1)]).toEqual([0x62, 0x61, 0x7a]);
    const over = new Uint8Array(large.length + 1);
    expect((await send("plain", over)).status).toBe(413);
  }, 120_000);

  it("of 9 MB run", async () => {
    const body = JSON.stringify({ rows: Array.from({ length: 90_000 }, () => "x".repeat(100)) });
    const count = {
      type: "calculate",
      set: { said: "=$debug($string($count(input.json.rows)))" },
      next: "end",
    };
    await applyWebhooks(
      "large",
      [{ webhook: "large", flow: "count" }],
      [{ flow: "count", start: "count", nodes: { count } }],
    );
    const sent = await send("large", body, JSON_TYPE);
    expect(await settled("large", sent.id)).toMatchObject({ state: "started" });
    const run = await ended(sent.run);
    expect(run.messages[0]?.text).toBe("90000");
  }, 60_000);

  it("are refused with 415 where the webhook takes other content types", async () => {
    expect((await send("text-only", "a", { "content-type": "text/csv; header=present" })).status).toBe(201);
    expect((await send("text-only", "{}", JSON_TYPE)).status).toBe(201);
    expect((await send("text-only", "{}", { "content-type": "application/jsonp" })).status).toBe(415);
    expect((await send("text-only", "{}", { "content-type": "" })).status).toBe(415);
  });
});

async function newest(webhook: string): Promise<string> {
  const page = await admin("GET", `/webhooks/${webhook}/deliveries?limit=1`);
  return (await page.json<{ deliveries: { id: string }[] }>()).deliveries[0]?.id ?? "";
}

/** Each signed sender: its headers for a body, by its own library. */
const URL_OF_TWILIO = `${ORIGIN}/v1/webhook/twilio`;
const SENDERS: Record<string, (body: string, secret: string) => Promise<Record<string, string>>> = {
  github: (body, secret) => sign.github(secret, body),
  stripe: (body, secret) => sign.stripe(secret, body),
  standard: async (body, secret) => sign.standard(secret, body),
  svix: async (body, secret) => sign.svix(secret, body),
  slack: async (body, secret) => sign.slack(secret, body),
  hmac: async (body, secret) => ({ ...JSON_TYPE, "x-sig": `sha256=${sign.hmac(secret, body)}` }),
};
const secretOf = (sender: string) => SECRETS[{ svix: "standard", hmac: "plain" }[sender] ?? sender] as string;

describe.each(Object.entries(SENDERS))("a delivery signed as %s", (sender, headersFor) => {
  const fresh = () =>
    JSON.stringify({ id: crypto.randomUUID(), event: { id: crypto.randomUUID() }, name: "größe" });

  it("is taken, and its run begins", async () => {
    const body = fresh();
    const sent = await send(sender, body, await headersFor(body, secretOf(sender)));
    expect(sent.status, sent.text).toBe(201);
    expect(await ended((await settled(sender, sent.id)).runId)).toMatchObject({ status: "Success" });
  });

  it("comes again: the same run id, and nothing runs", async () => {
    const body = fresh();
    const headers = await headersFor(body, secretOf(sender));
    const [first, ...others] = await Promise.all([1, 2, 3, 4].map(() => send(sender, body, headers)));
    const all = [first, ...others];
    expect(all.map((sent) => sent?.status).sort()).toEqual([200, 200, 200, 201]);
    expect(new Set(all.map((sent) => sent?.run)).size).toBe(1);
    const list = await admin("GET", `/webhooks/${sender}/deliveries?runId=${first?.run}`);
    expect((await list.json<{ deliveries: unknown[] }>()).deliveries).toHaveLength(1);
  });

  it("is refused with a changed byte, an added space, another secret, no signature, junk", async () => {
    const body = fresh();
    const headers = await headersFor(body, secretOf(sender));
    const wrong =
      secretOf(sender).startsWith("whsec_") && sender !== "stripe"
        ? `whsec_${btoa("x".repeat(24))}`
        : "wrong";
    const junk = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, /sig/.test(name) ? "junk" : value]),
    );
    for (const [what, sent] of [
      ["changed", send(sender, body.replace("größe", "grösse"), headers)],
      ["space", send(sender, `${body} `, headers)],
      ["wrong secret", send(sender, body, await headersFor(body, wrong))],
      ["unsigned", send(sender, body, JSON_TYPE)],
      ["junk", send(sender, body, junk)],
    ] as const) {
      const { status, text } = await sent;
      expect(status, `${what}: ${text}`).toBe(401);
      expect(JSON.parse(text)).toMatchObject({ id: "error", code: 401, resource: [], error: { code: 401 } });
    }
    const list = await admin(
      "GET",
      `/webhooks/${sender}/deliveries?senderId=${encodeURIComponent(JSON.parse(body).id)}`,
    );
    expect((await list.json<{ deliveries: unknown[] }>()).deliveries).toEqual([]);
  });
});

describe("time of signing", () => {
  const body = () => JSON.stringify({ id: crypto.randomUUID() });

  it.each([
    ["stripe", (text: string, offset: number) => sign.stripe(SECRETS.stripe as string, text, offset)],
    ["standard", (text: string, offset: number) => sign.standard(WHSEC, text, undefined, offset)],
    ["svix", (text: string, offset: number) => sign.svix(WHSEC, text, undefined, offset)],
    ["slack", (text: string, offset: number) => sign.slack(SECRETS.slack as string, text, offset)],
  ] as const)("of %s: stale and future are refused", async (sender, headersFor) => {
    for (const [offset, status] of [
      [-290, 201],
      [-310, 401],
      [290, 201],
      [310, 401],
    ] as const) {
      const text = body();
      expect((await send(sender, text, await headersFor(text, offset))).status, `${offset} s`).toBe(status);
    }
  });

  it("is needed: without a timestamp nothing is taken", async () => {
    const text = body();
    for (const [sender, headers, name] of [
      ["standard", sign.standard(WHSEC, text), "webhook-timestamp"],
      ["svix", sign.svix(WHSEC, text), "svix-timestamp"],
      ["slack", sign.slack(SECRETS.slack as string, text), "x-slack-request-timestamp"],
    ] as const) {
      const { [name as never]: _, ...rest } = headers as Record<string, string>;
      expect((await send(sender, text, rest)).status, sender).toBe(401);
    }
    const { "stripe-signature": header, ...rest } = await sign.stripe(SECRETS.stripe as string, text);
    const timeless = header.replace(/t=\d+,/, "");
    expect((await send("stripe", text, { ...rest, "stripe-signature": timeless })).status).toBe(401);
  });
});

describe("GitHub", () => {
  it("takes a signature made with the secret before, while both are set", async () => {
    const body = '{"rotated":true}';
    expect((await send("github", body, await sign.github(SECRETS.github_old as string, body))).status).toBe(
      201,
    );
  });

  it("takes SHA-1 only where the webhook allows it", async () => {
    const body = '{"old":true}';
    const headers = {
      ...JSON_TYPE,
      "x-hub-signature": `sha1=${sign.hmac(SECRETS.github as string, body, "sha1")}`,
    };
    expect((await send("github", body, headers)).status).toBe(401);
    expect((await send("github-sha1", body, headers)).status).toBe(201);
    const worse = { ...headers, "x-hub-signature-256": `sha256=${"0".repeat(64)}` };
    expect((await send("github-sha1", body, worse)).status).toBe(401);
  });

  it("redelivers under the same id: the same run; another delivery of the same bytes is another", async () => {
    const body = '{"zen":"Keep it logically awesome."}';
    const one = await send("github", body, await sign.github(SECRETS.github as string, body, "guid-1"));
    const again = await send("github", body, await sign.github(SECRETS.github as string, body, "guid-1"));
    const other = await send("github", body, await sign.github(SECRETS.github as string, body, "guid-2"));
    expect([one.status, again.status, other.status]).toEqual([201, 200, 201]);
    expect(again.run).toBe(one.run);
    expect(other.run).not.toBe(one.run);
  });
});

describe("two signatures, one right", () => {
  const body = JSON.stringify({ id: "evt_two" });

  it("is taken from Stripe, Standard Webhooks and Svix", async () => {
    const stripe = await sign.stripe(SECRETS.stripe as string, body);
    const rotated = stripe["stripe-signature"].replace(",v1=", `,v1=${"0".repeat(64)},v1=`);
    expect((await send("stripe", body, { ...stripe, "stripe-signature": rotated })).status).toBe(201);
    const standard = sign.standard(WHSEC, body);
    standard["webhook-signature"] = `v1,${btoa("wrong")} ${standard["webhook-signature"]}`;
    expect((await send("standard", body, standard)).status).toBe(201);
    const svix = sign.svix(WHSEC, body);
    svix["svix-signature"] = `v1a,${btoa("other")} ${svix["svix-signature"]} v1,AAAA`;
    expect((await send("svix", body, svix)).status).toBe(201);
  });

  it("of an older scheme alone is refused", async () => {
    const stripe = await sign.stripe(SECRETS.stripe as string, body);
    const old = stripe["stripe-signature"].replace("v1=", "v0=");
    expect((await send("stripe", body, { ...stripe, "stripe-signature": old })).status).toBe(401);
    const standard = sign.standard(WHSEC, body);
    standard["webhook-signature"] = standard["webhook-signature"].replace("v1,", "v0,");
    expect((await send("standard", body, standard)).status).toBe(401);
  });
});

describe("Twilio", () => {
  const fields: [string, string][] = [
    ["To", "+18005551212"],
    ["CallSid", "CA1234567890ABCDE"],
    ["Digits", "1234"],
    ["Body", "größe & more"],
  ];
  const form = new URLSearchParams(fields).toString();

  it("signs the URL and the form's fields", async () => {
    const headers = sign.twilioForm(SECRETS.twilio as string, URL_OF_TWILIO, fields, "token-1");
    const sent = await send("twilio", form, headers);
    expect(sent.status, sent.text).toBe(201);
    const again = await send("twilio", form, headers);
    expect([again.status, again.run]).toEqual([200, sent.run]);
    expect((await send("twilio", `${form}&Extra=1`, headers)).status).toBe(401);
    expect((await send("twilio", form, headers, "?other=1")).status).toBe(401);
    expect((await send("twilio", form, sign.twilioForm("wrong", URL_OF_TWILIO, fields))).status).toBe(401);
  });

  it("signs the URL with the digest of any other body", async () => {
    const body = '{"event":"delivered"}';
    const query = sign.twilioQuery(body);
    const signed = sign.twilioForm(SECRETS.twilio as string, URL_OF_TWILIO + query, []);
    const headers = { ...signed, "content-type": "application/json" };
    const sent = await send("twilio", body, headers, query);
    expect(sent.status, sent.text).toBe(201);
    expect((await send("twilio", body, headers, query)).run).toBe(sent.run);
    expect((await send("twilio", `${body} `, headers, query)).status).toBe(401);
    expect((await send("twilio", body, headers)).status).toBe(401);
  });
});

describe("de-duplication", () => {
  it("by Idempotency-Key where nothing is signed; without one every delivery is new", async () => {
    const key = { ...JSON_TYPE, "idempotency-key": "k-1" };
    const one = await send("plain", '{"n":1}', key);
    const again = await send("plain", '{"n":1}', key);
    expect([one.status, again.status, again.run]).toEqual([201, 200, one.run]);
    const free = await Promise.all([1, 2].map(() => send("plain", '{"n":1}', JSON_TYPE)));
    expect(new Set(free.map(({ run }) => run)).size).toBe(2);
  });

  it("by a header or a JSON path of the webhook's choice, by the bytes, or not at all", async () => {
    const header = { ...JSON_TYPE, "x-event-id": "e-1" };
    expect((await send("header", "{}", header)).status).toBe(201);
    expect((await send("header", "{}", header)).status).toBe(200);
    expect((await send("header", "{}", JSON_TYPE)).status).toBe(201);
    expect((await send("content", "same")).status).toBe(201);
    expect((await send("content", "same")).status).toBe(200);
    expect((await send("content", "other")).status).toBe(201);
    expect((await send("always", "{}", { "idempotency-key": "k" })).status).toBe(201);
    expect((await send("always", "{}", { "idempotency-key": "k" })).status).toBe(201);
  });

  it("is each webhook's own", async () => {
    const key = { ...JSON_TYPE, "idempotency-key": "shared" };
    expect((await send("plain", "{}", key)).status).toBe(201);
    expect((await send("text-only", "{}", key)).status).toBe(201);
  });

  it("of 50 at once stores one", async () => {
    const key = { ...JSON_TYPE, "idempotency-key": "fifty" };
    const all = await Promise.all(Array.from({ length: 50 }, () => send("plain", '{"n":50}', key)));
    expect(all.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 200)).toHaveLength(49);
    expect(new Set(all.map(({ run }) => run)).size).toBe(1);
  });
});

describe("challenges", () => {
  const text = async (path: string, init: RequestInit = {}) => {
    const response = await call(`/v1/webhook/${path}`, init);
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  };

  it("of Slack are answered when they are signed", async () => {
    const body = JSON.stringify({
      token: "t",
      challenge: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
      type: "url_verification",
    });
    const sent = await send("slack", body, sign.slack(SECRETS.slack as string, body));
    expect(sent.status).toBe(200);
    expect(sent.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(sent.text).toBe("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    expect((await send("slack", body, JSON_TYPE)).status).toBe(401);
  });

  it("of Meta are answered to who knows the token", async () => {
    const query = (token: string) =>
      `meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`;
    expect(await text(query("verify%20me"))).toEqual({
      status: 200,
      type: "text/plain; charset=utf-8",
      text: "1158201444",
    });
    expect((await text(query("other"))).status).toBe(403);
    expect((await text("meta?hub.challenge=1")).status).toBe(403);
    expect((await text("meta")).status).toBe(405);
    const body = '{"entry":[]}';
    expect((await send("meta", body, await sign.github(SECRETS.github as string, body))).status).toBe(201);
    expect((await send("meta", body, JSON_TYPE)).status).toBe(401);
  });

  it("of others are echoed from a header, a parameter or a JSON field", async () => {
    expect(await text("okta", { headers: { "x-okta-verification-challenge": 'a"b' } })).toMatchObject({
      status: 200,
      type: "application/json",
      text: '{"verification":"a\\"b"}',
    });
    const graph = await text("graph?validationToken=%3Cscript%3E", { method: "POST" });
    expect(graph).toEqual({ status: 200, type: "text/plain; charset=utf-8", text: "<script>" });
    expect((await send("graph", "{}", JSON_TYPE)).status).toBe(201);
    const asked = await send("json-challenge", '{"type":"verify","challenge":"c"}', JSON_TYPE);
    expect([asked.status, asked.text]).toEqual([200, '{"challenge":"c"}']);
    const delivery = await send("json-challenge", '{"type":"event","challenge":"c"}', JSON_TYPE);
    expect(delivery.status).toBe(201);
  });

  it("are no longer than they should be", async () => {
    expect((await text(`graph?validationToken=${"x".repeat(1_000)}`, { method: "POST" })).status).toBe(200);
    expect((await text(`graph?validationToken=${"x".repeat(1_001)}`, { method: "POST" })).status).toBe(400);
  });
});

describe("a webhook that asks for credentials", () => {
  let credentials: V1Credentials;
  beforeAll(async () => {
    credentials = await v1Credentials("webhook client");
  });

  it("takes a token, headers, or parameters of the URL", async () => {
    const { access } = await accessToken(credentials);
    const oauth = { ...JSON_TYPE, authorization: `Bearer ${access}`, "x-scopes": "webhook" };
    expect((await send("locked", "{}", oauth)).status).toBe(201);
    const keys = { ...JSON_TYPE, ...keyHeaders(credentials), "x-scopes": "webhook" };
    expect((await send("locked", "{}", keys)).status).toBe(201);
    const query = `?api_key=${credentials.apiKey}&app_key=${credentials.appKey}&scopes=webhook`;
    const sent = await send("locked", "{}", JSON_TYPE, query);
    expect(sent.status, sent.text).toBe(201);
    const kept = await (await admin("GET", `/webhooks/locked/deliveries/${sent.id}`)).text();
    expect(kept).not.toContain(credentials.apiKey);
    expect(kept).not.toContain(credentials.appKey);
  });

  it("refuses none, wrong ones, and those without the scope", async () => {
    expect((await send("locked", "{}", JSON_TYPE)).status).toBe(401);
    expect((await send("locked", "{}", { ...JSON_TYPE, "x-apikey": "wrong", "x-app": "demo" })).status).toBe(
      401,
    );
    expect((await send("locked", "{}", { ...JSON_TYPE, authorization: "Bearer junk" })).status).toBe(403);
    const keys = { ...JSON_TYPE, ...keyHeaders(credentials), "x-scopes": "record" };
    expect((await send("locked", "{}", keys)).status).toBe(403);
  });
});

describe("a webhook whose secret is not set", () => {
  it("takes nothing, and says what to do", async () => {
    expect((await admin("DELETE", "/secrets/nowhere")).ok).toBe(true);
    const sent = await send("unset", "{}", await sign.github("for a moment", "{}"));
    expect(sent.status).toBe(503);
    expect(JSON.parse(sent.text).message).toContain('"nowhere"');
  });
});

describe("the flow", () => {
  const status = (flow: string, state: string) =>
    admin("PUT", `/projects/states/flows/${flow}/status`, { status: state });

  beforeAll(async () => {
    await applyWebhooks("states", [{ webhook: "state" }]);
  });

  it("that is inactive refuses deliveries; one that is paused keeps them until it goes on", async () => {
    await status("seen", "inactive");
    const refused = await send("state", "{}", JSON_TYPE);
    expect(refused.status).toBe(409);
    expect(refused.headers.get("retry-after")).not.toBeNull();
    await status("seen", "paused");
    const kept = await send("state", "{}", JSON_TYPE);
    expect(kept.status).toBe(201);
    const waiting = await admin("GET", "/webhooks/state/deliveries?state=waiting");
    expect(await waiting.json()).toMatchObject({ deliveries: [{ id: kept.id, state: "waiting" }] });
    await status("seen", "running");
    expect(await settled("state", kept.id)).toMatchObject({ state: "started", runId: kept.run });
    expect(await ended(kept.run)).toMatchObject({ status: "Success" });
  }, 30_000);

  it("whose exclusion group is taken lets deliveries wait their turn", async () => {
    const slow = {
      flow: "one by one",
      endpoint: { exclusion: "webhook-group" },
      start: "wait",
      nodes: { wait: { type: "delay", for: "100ms", next: "end" } },
    };
    await applyWebhooks("groups", [{ webhook: "group", flow: "one by one" }], [slow]);
    const sent = await Promise.all([1, 2, 3].map(() => send("group", "{}", JSON_TYPE)));
    expect(sent.map((each) => each.status)).toEqual([201, 201, 201]);
    for (const { run } of sent) expect(await ended(run)).toMatchObject({ status: "Success" });
  }, 30_000);
});

describe("a bundle", () => {
  it.each([
    [{ webhook: "a", flow: "seeen" }, "/webhooks/0/flow"],
    [{ webhook: "a/b", flow: "seen" }, "/webhooks/0/webhook"],
    [
      { webhook: "a", flow: "seen", signature: { scheme: "md5", secret: "s" } },
      "/webhooks/0/signature/scheme",
    ],
    [
      { webhook: "a", flow: "seen", signature: { scheme: "github", secret: "s", tolerance: "5m" } },
      "/webhooks/0/signature",
    ],
    [
      { webhook: "a", flow: "seen", signature: { scheme: "stripe", secret: "s", tolerance: "2d" } },
      "/webhooks/0/signature/tolerance",
    ],
    [{ webhook: "a", flow: "seen", retention: "91d" }, "/webhooks/0/retention"],
    [{ webhook: "a", flow: "seen", dedupe: { json: "$..id" } }, "/webhooks/0/dedupe"],
    [{ webhook: "a", flow: "seen", challenge: {} }, "/webhooks/0/challenge"],
    [{ webhook: "a", flow: "seen", challenge: { json: "c", method: "POST" } }, "/webhooks/0/challenge"],
    [{ webhook: "a", flow: "seen", contentTypes: ["json"] }, "/webhooks/0/contentTypes/0"],
    [{ webhook: "plain", flow: "seen" }, "/webhooks/0/webhook"],
    [
      { webhook: "a", flow: "seen", signature: { scheme: "svix", secret: ["slack", "slak"] } },
      "/webhooks/0/signature/secret/1",
    ],
    [
      { webhook: "a", flow: "seen", challenge: { query: "c", verify: { query: "t", secret: "none" } } },
      "/webhooks/0/challenge/verify/secret",
    ],
  ])("with %j is refused, with the place", async (webhook, path) => {
    const refused = await admin("PUT", "/projects/wrong", { flows: [SEEN_FLOW], webhooks: [webhook] });
    expect(refused.status).toBe(422);
    const { errors } = await refused.json<{ errors: { path: string }[] }>();
    expect(errors.map((error) => error.path).join(" ")).toContain(path);
  });
});

describe("the management API", () => {
  beforeAll(async () => {
    await applyWebhooks("kept", [{ webhook: "kept", dedupe: { header: "x-id" } }]);
    for (const id of ["a", "b", "c"]) await send("kept", `{"id":"${id}"}`, { ...JSON_TYPE, "x-id": id });
  });
  const list = async (query: string) =>
    (await admin("GET", `/webhooks/kept/deliveries${query}`)).json<{
      deliveries: { id: string; senderId: string; receivedAt: string }[];
      next: string | null;
    }>();

  it("lists webhooks with their URLs", async () => {
    const { webhooks } = await (await admin("GET", "/webhooks")).json<{ webhooks: { name: string }[] }>();
    expect(webhooks).toContainEqual(
      expect.objectContaining({
        name: "github",
        scheme: "github",
        flow: "seen",
        url: `${ORIGIN}/v1/webhook/github`,
      }),
    );
  });

  it("lists deliveries newest first, in pages, and by what is asked for", async () => {
    const first = await list("?limit=2");
    expect(first.deliveries.map(({ senderId }) => senderId)).toEqual(["c", "b"]);
    const second = await list(`?limit=2&cursor=${first.next}`);
    expect(second.deliveries.map(({ senderId }) => senderId)).toEqual(["a"]);
    expect(second.next).toBeNull();
    expect((await list("?senderId=b")).deliveries).toHaveLength(1);
    expect((await list("?state=failed")).deliveries).toHaveLength(0);
    const middle = first.deliveries[1]?.receivedAt as string;
    expect((await list(`?from=${middle}`)).deliveries.length).toBeGreaterThanOrEqual(2);
    expect((await list("?to=2020-01-01T00:00:00Z")).deliveries).toHaveLength(0);
  });

  it("replays a delivery: a new run, the same bytes", async () => {
    const [newestOne] = (await list("?limit=1")).deliveries;
    const replayed = await admin("POST", `/webhooks/kept/deliveries/${newestOne?.id}/replay`);
    expect(replayed.status).toBe(201);
    const again = await replayed.json<{ id: string; runId: string; replayOf: string }>();
    expect(again.replayOf).toBe(newestOne?.id);
    expect(await settled("kept", again.id)).toMatchObject({ state: "started", runId: again.runId });
    expect((await ended(again.runId)).messages[0]?.text).toBe('{"id":"c"}');
    // What the sender sends again is still the first.
    const repeated = await send("kept", '{"id":"c"}', { ...JSON_TYPE, "x-id": "c" });
    expect([repeated.status, repeated.id]).toEqual([200, newestOne?.id]);
  });

  it("answers 404 for what there is not, and 400 for what is no question", async () => {
    const [one] = (await list("?limit=1")).deliveries;
    for (const path of [
      "/webhooks/nobody/deliveries",
      "/webhooks/kept/deliveries/x",
      "/webhooks/kept/deliveries/x/body",
      `/webhooks/plain/deliveries/${one?.id}`,
    ]) {
      expect((await admin("GET", path)).status, path).toBe(404);
    }
    expect((await admin("POST", "/webhooks/kept/deliveries/x/replay")).status).toBe(404);
    for (const query of ["?cursor=x", "?limit=0", "?limit=201", "?state=lost", "?from=now", "?nothing=1"]) {
      expect((await admin("GET", `/webhooks/kept/deliveries${query}`)).status, query).toBe(400);
    }
    expect((await call("/admin/v1/webhooks")).status).toBe(401);
  });
});

const inboxOf = (name: string, shard: number) => env.WEBHOOK_INBOX.getByName(inboxName(1, name, shard));

describe("an inbox", () => {
  /** The object that keeps a delivery. */
  const keeper = (name: string, id: string) => inboxOf(name, inboxShardOf(id) as number);

  it("forgets what is old, with its bytes and its key, and keeps what still waits", async () => {
    await applyWebhooks("old", [{ webhook: "old" }]);
    const one = await send("old", "1", { "idempotency-key": "one" });
    const two = await send("old", "2", { "idempotency-key": "two" });
    await settled("old", one.id);
    await settled("old", two.id);
    for (const { id } of [one, two]) {
      await runInDurableObject(keeper("old", id), async (instance, state) => {
        const { sql } = state.storage;
        sql.exec("UPDATE deliveries SET keep_until = 1 WHERE id = ?", id);
        if (id === two.id) {
          sql.exec("UPDATE deliveries SET due = ?, state = 'waiting' WHERE id = ?", Date.now() + 60_000, id);
        }
        await instance.alarm();
        const kept = id === two.id ? [{ delivery: id }] : [];
        expect(sql.exec("SELECT id AS delivery FROM deliveries WHERE id = ?", id).toArray()).toEqual(kept);
        expect(sql.exec("SELECT delivery FROM parts WHERE delivery = ?", id).toArray()).toEqual(kept);
      });
    }
    expect((await send("old", "1", { "idempotency-key": "one" })).status).toBe(201);
    expect((await send("old", "2", { "idempotency-key": "two" })).status).toBe(200);
  });

  it("tries again, later and later, when a shard cannot be reached; and the run is still one", async () => {
    await applyWebhooks("retry", [{ webhook: "retry" }]);
    const { shards } = servicesOf(env);
    const start = shards.startMany.bind(shards);
    let failing = 2;
    shards.startMany = async (requests) => {
      if (failing > 0) {
        failing -= 1;
        // It was started, and nobody heard of it.
        if (failing === 0) await start(requests);
        return new Map();
      }
      return start(requests);
    };
    const sent = await send("retry", "{}", JSON_TYPE);
    const delivery = await settled("retry", sent.id);
    shards.startMany = start;
    expect(delivery.state).toBe("started");
    expect(await ended(sent.run)).toMatchObject({ status: "Success" });
    const runs = await (await admin("GET", "/runs?project=retry")).json<{ runs: unknown[] }>();
    expect(runs.runs.length).toBeLessThanOrEqual(1);
  }, 30_000);

  it("has an alarm that may come early and often", async () => {
    await runInDurableObject(inboxOf("plain", 0), async (instance) => {
      await instance.alarm();
      await instance.alarm();
    });
    expect((await send("plain", "{}", JSON_TYPE)).status).toBe(201);
  });
});

describe("the shards of an inbox", () => {
  const keyOf = async (id: string) => sha256Hex(`id:${id}`);
  const page = async (name: string, query: string) =>
    (await admin("GET", `/webhooks/${name}/deliveries?${query}`)).json<{
      deliveries: { id: string; runId: string; senderId: string; state: string }[];
      next: string | null;
    }>();

  it("have their part each, and are listed as one", async () => {
    await applyWebhooks("spread", [{ webhook: "spread", dedupe: { header: "x-id" } }]);
    const sent = [];
    for (let n = 0; n < 24; n += 1) {
      sent.push(await send("spread", `{"n":${n}}`, { ...JSON_TYPE, "x-id": `s-${n}` }));
    }
    expect(sent.map(({ status }) => status)).toEqual(sent.map(() => 201));
    expect(new Set(sent.map(({ id }) => inboxShardOf(id)))).toEqual(new Set([0, 1, 2, 3]));
    for (const { id } of sent) await settled("spread", id);

    const listed: { id: string; runId: string }[] = [];
    for (let cursor = ""; ; ) {
      const { deliveries, next } = await page("spread", `limit=7${cursor}`);
      listed.push(...deliveries);
      if (next === null) break;
      expect(deliveries).toHaveLength(7);
      cursor = `&cursor=${next}`;
    }
    // Newest first; those of one millisecond in any order.
    const time = (id: string) => id.slice(0, 9);
    expect(listed.map(({ id }) => time(id))).toEqual(sent.map(({ id }) => time(id)).reverse());
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(sent.map(({ id }) => id)));

    for (const [n, { id, run }] of sent.entries()) {
      expect((await page("spread", `runId=${run}`)).deliveries).toMatchObject([{ id, runId: run }]);
      expect((await page("spread", `senderId=s-${n}`)).deliveries).toMatchObject([{ id }]);
      const again = await send("spread", "{}", { ...JSON_TYPE, "x-id": `s-${n}` });
      expect([again.status, again.id, again.run]).toEqual([200, id, run]);
      const body = await admin("GET", `/webhooks/spread/deliveries/${id}/body`);
      expect(await body.text()).toBe(`{"n":${n}}`);
    }
    expect((await page("spread", "state=started&limit=200")).deliveries).toHaveLength(24);
    expect((await page("spread", "state=waiting")).deliveries).toEqual([]);
    expect((await page("spread", "runId=nothing")).deliveries).toEqual([]);

    const replayed = await admin("POST", `/webhooks/spread/deliveries/${sent[5]?.id}/replay`);
    const again = await replayed.json<{ id: string; runId: string }>();
    expect((await ended(again.runId)).messages[0]?.text).toBe('{"n":5}');
    expect((await page("spread", "limit=1")).deliveries).toMatchObject([{ id: again.id }]);
  }, 30_000);

  it("list those that failed and those that wait", async () => {
    await applyWebhooks(
      "states",
      [{ webhook: "picky", flow: "picky", dedupe: false }],
      [{ ...SEEN_FLOW, flow: "picky", input: { body: { n: "number" } } }],
    );
    const sent = [];
    for (let n = 0; n < 6; n += 1) sent.push(await send("picky", '{"n":"x"}', JSON_TYPE));
    for (const { id } of sent) expect((await settled("picky", id)).state).toBe("failed");
    expect((await page("picky", "state=failed")).deliveries).toHaveLength(6);
    const paused = await admin("PUT", "/projects/states/flows/picky/status", { status: "paused" });
    expect(paused.status).toBe(200);
    const waiting = await send("picky", '{"n":1}', JSON_TYPE);
    expect((await page("picky", "state=waiting")).deliveries).toMatchObject([{ id: waiting.id }]);
  }, 30_000);

  it("know what was kept when a webhook had one object: as the same delivery, in lists, to read and to replay", async () => {
    await applyWebhooks("earlier", [{ webhook: "earlier", dedupe: { header: "x-id" } }]);
    const ids = Array.from({ length: 8 }, (_, n) => `before-${n}`);
    const keys = await Promise.all(ids.map(keyOf));
    expect(new Set(keys.map((key) => inboxShardFor(key, Math.random))).size).toBeGreaterThan(2);
    const old = ids.map((_, n) => `0mi9sy5h${n}w${"0".repeat(31)}${n}`);
    const target = {
      environmentId: 1,
      projectId: (await servicesOf(env).catalog.resource(1, "webhook", "earlier"))?.projectId,
      webhook: "earlier",
      flow: "seen",
      user: "system",
    };
    const request = {
      method: "POST",
      url: `${ORIGIN}/v1/webhook/earlier`,
      headers: [],
      contentType: "application/json",
      client: "",
    };
    await runInDurableObject(inboxOf("earlier", 0), (_instance, { storage }) => {
      for (const [n, id] of old.entries()) {
        storage.sql.exec(
          `INSERT INTO deliveries (id, key, sender_id, run_id, received_at, keep_until, size, target, request, state)
           VALUES (?, ?, ?, ?, 0, ?, 7, ?, ?, 'started')`,
          ...[id, keys[n] ?? "", ids[n] ?? "", `0mi9sy5h${n}d00${"0".repeat(32)}`, Date.now() + 60_000],
          ...[JSON.stringify(target), JSON.stringify(request)],
        );
        const bytes = new TextEncoder().encode(`{"n":${n}}`);
        storage.sql.exec("INSERT INTO parts (delivery, part, bytes) VALUES (?, 0, ?)", id, bytes.buffer);
      }
    });
    for (const [n, senderId] of ids.entries()) {
      const again = await send("earlier", "{}", { ...JSON_TYPE, "x-id": senderId });
      expect([again.status, again.id]).toEqual([200, old[n]]);
    }
    const fresh = await send("earlier", "{}", { ...JSON_TYPE, "x-id": "now" });
    expect(fresh.status).toBe(201);
    const { deliveries } = await page("earlier", "limit=200");
    expect(deliveries.map(({ id }) => id)).toEqual([fresh.id, ...[...old].reverse()]);
    const body = await admin("GET", `/webhooks/earlier/deliveries/${old[3]}/body`);
    expect(await body.text()).toBe('{"n":3}');
    const replayed = await admin("POST", `/webhooks/earlier/deliveries/${old[3]}/replay`);
    expect(replayed.status).toBe(201);
    const { runId } = await replayed.json<{ runId: string }>();
    expect((await ended(runId)).messages[0]?.text).toBe('{"n":3}');

    // When the time of all of them is over, nobody is asked any more.
    for (let shard = 1; shard < INBOX_SHARDS; shard += 1) {
      await evictDurableObject(inboxOf("earlier", shard));
      await runInDurableObject(inboxOf("earlier", shard), (_instance, { storage }) => {
        storage.sql.exec("UPDATE earlier SET until = 1");
      });
      await evictDurableObject(inboxOf("earlier", shard));
    }
    for (const [n, senderId] of ids.entries()) {
      const again = await send("earlier", "{}", { ...JSON_TYPE, "x-id": senderId });
      const first = inboxShardFor(keys[n] as string, Math.random) === 0;
      expect(again.status).toBe(first ? 200 : 201);
    }
  }, 30_000);
});

describe("another organization's environment", () => {
  it("has its own webhooks, deliveries and secrets, at its own host name", async () => {
    const organization = await (await admin("POST", "/organizations", { name: "Webhook strangers" })).json<{
      id: number;
    }>();
    const { environments } = await (
      await admin("GET", `/organizations/${organization.id}/environments`)
    ).json<{ environments: { id: number }[] }>();
    const environment = String(environments[0]?.id);
    const there = { "x-environment": environment };
    const changed = await admin("PATCH", `/environments/${environment}`, { host: "strangers.test" });
    expect(changed.status, await changed.clone().text()).toBe(200);
    const bundle = {
      flows: [SEEN_FLOW],
      webhooks: [
        { webhook: "plain", flow: "seen" },
        { webhook: "theirs", flow: "seen", signature: { scheme: "github", secret: "github" } },
      ],
    };
    const missing = await admin("PUT", "/projects/strangers", bundle, there);
    expect(missing.status).toBe(422);
    await admin("PUT", "/secrets/github", { value: "their own" }, there);
    const applied = await admin("PUT", "/projects/strangers", bundle, there);
    expect(applied.status, await applied.clone().text()).toBe(201);

    const post = async (webhook: string, headers: Record<string, string>) => {
      const response = await exports.default.fetch(`http://strangers.test/v1/webhook/${webhook}`, {
        method: "POST",
        headers,
        body: "{}",
      });
      const { resource } = await response.json<{
        resource: { _id?: { $id: string }; customer_id?: string };
      }>();
      return { status: response.status, id: resource._id?.$id, customer: resource.customer_id };
    };
    const taken = await post("plain", JSON_TYPE);
    expect(taken).toMatchObject({ status: 201, customer: String(organization.id) });
    expect((await admin("GET", `/webhooks/plain/deliveries/${taken.id}`)).status).toBe(404);
    expect((await admin("GET", `/webhooks/plain/deliveries/${taken.id}`, undefined, there)).status).toBe(200);
    expect((await send("theirs", "{}", JSON_TYPE)).status).toBe(404);
    const ours = await sign.github(SECRETS.github as string, "{}");
    expect((await post("theirs", ours)).status).toBe(401);
    expect((await post("theirs", await sign.github("their own", "{}"))).status).toBe(201);
  });
});
