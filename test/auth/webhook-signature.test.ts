import { createHash, createHmac } from "node:crypto";
import { Webhooks } from "@octokit/webhooks";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";
import { describe, expect, it } from "vitest";
import { verifySignature } from "../../src/auth/webhook-signature";
import { WebhookSignature } from "../../src/domain/webhook";

/** Requests that the senders' own libraries signed, and what an attacker or an accident makes of them. */

const NOW = Date.UTC(2026, 4, 3, 12, 27, 20);
const SECONDS = Math.floor(NOW / 1_000);
const BODY = '{"action":"opened","title":"größer & <b>"}';
const WHSEC = `whsec_${Buffer.from("a key of twenty-four byt").toString("base64")}`;

interface Sent {
  headers: Record<string, string>;
  body: string;
  url?: string;
}

type Settings = Record<string, unknown>;

async function verdict(
  settings: Settings,
  { headers, body, url = "https://hooks.example/v1/webhook/x" }: Sent,
  secrets: string[],
  now = NOW,
): Promise<string> {
  const signature = WebhookSignature.parse({ secret: "s", ...settings });
  const request = {
    url,
    headers: new Headers(headers),
    body: new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>,
  };
  const { kind } = await verifySignature(request, signature, secrets, now);
  return kind;
}
const stripe = new Stripe("sk_test_nothing");

/** What each sender's own library makes of a body. `at` is in seconds; `undefined` where the scheme has no time. */
const SENDERS: Record<
  string,
  {
    settings: Settings;
    secret: string;
    timed: boolean;
    sign: (body: string, secret: string, at: number) => Promise<Sent>;
  }
> = {
  github: {
    settings: { scheme: "github" },
    secret: "It's a secret to everybody",
    timed: false,
    sign: async (body, secret) => ({
      headers: {
        "x-hub-signature-256": await new Webhooks({ secret }).sign(body),
        "x-github-delivery": "d-1",
      },
      body,
    }),
  },
  stripe: {
    settings: { scheme: "stripe" },
    secret: "whsec_test_secret",
    timed: true,
    sign: async (body, secret, timestamp) => ({
      headers: {
        "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp }),
      },
      body,
    }),
  },
  standard: {
    settings: { scheme: "standard" },
    secret: WHSEC,
    timed: true,
    sign: async (body, secret, at) => ({
      headers: {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(at),
        "webhook-signature": new StandardWebhook(secret).sign("msg_1", new Date(at * 1_000), body),
      },
      body,
    }),
  },
  svix: {
    settings: { scheme: "svix" },
    secret: WHSEC,
    timed: true,
    sign: async (body, secret, at) => ({
      headers: {
        "svix-id": "msg_2",
        "svix-timestamp": String(at),
        "svix-signature": new SvixWebhook(secret).sign("msg_2", new Date(at * 1_000), body),
      },
      body,
    }),
  },
  slack: {
    settings: { scheme: "slack" },
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    timed: true,
    sign: async (body, secret, at) => ({
      headers: {
        "x-slack-request-timestamp": String(at),
        "x-slack-signature": `v0=${createHmac("sha256", secret).update(`v0:${at}:${body}`).digest("hex")}`,
      },
      body,
    }),
  },
  "twilio (JSON)": {
    settings: { scheme: "twilio" },
    secret: "12345",
    timed: false,
    sign: async (body, secret) => {
      const url = `https://hooks.example/v1/webhook/x?bodySHA256=${createHash("sha256").update(body).digest("hex")}`;
      return {
        url,
        headers: {
          "content-type": "application/json",
          "x-twilio-signature": createHmac("sha1", secret).update(url).digest("base64"),
        },
        body,
      };
    },
  },
  hmac: {
    settings: {
      scheme: "hmac",
      header: "X-Signature",
      algorithm: "sha512",
      encoding: "base64",
      prefix: "v2=",
      timestamp: "X-Time",
      id: "X-Id",
      content: "{id}:{timestamp}:{body}",
    },
    secret: "key",
    timed: true,
    sign: async (body, secret, at) => ({
      headers: {
        "x-signature": `v2=${createHmac("sha512", secret).update(`i:${at}:${body}`).digest("base64")}`,
        "x-time": String(at),
        "x-id": "i",
      },
      body,
    }),
  },
};

describe.each(Object.entries(SENDERS))("%s", (_name, { settings, secret, timed, sign }) => {
  it("takes what its sender's library signed", async () => {
    expect(await verdict(settings, await sign(BODY, secret, SECONDS), [secret])).toBe("verified");
  });

  it("takes a signature made with either of two secrets", async () => {
    const sent = await sign(BODY, secret, SECONDS);
    expect(await verdict(settings, sent, ["another", secret])).toBe("verified");
    expect(await verdict(settings, sent, [secret, "another"])).toBe("verified");
  });

  it.each([
    ["a changed byte", (body: string) => body.replace("o", "p")],
    ["an added space", (body: string) => `${body} `],
    ["a byte order mark", (body: string) => `\ufeff${body}`],
    ["nothing", () => ""],
  ])("refuses a body with %s", async (_what, tamper) => {
    const sent = await sign(BODY, secret, SECONDS);
    expect(await verdict(settings, { ...sent, body: tamper(sent.body) }, [secret])).toBe("refused");
  });

  it("refuses a signature made with another secret, and any when there is no secret", async () => {
    const other = secret.startsWith("whsec_")
      ? `whsec_${Buffer.from("x".repeat(24)).toString("base64")}`
      : "other";
    expect(await verdict(settings, await sign(BODY, other, SECONDS), [secret])).toBe("refused");
    expect(await verdict(settings, await sign(BODY, secret, SECONDS), [])).toBe("refused");
    expect(await verdict(settings, await sign(BODY, secret, SECONDS), [""])).toBe("refused");
  });

  it("refuses what lacks any header, or has junk there", async () => {
    const sent = await sign(BODY, secret, SECONDS);
    const unsigned = ["x-github-delivery", "content-type"];
    const needed = Object.keys(sent.headers).filter((name) => !unsigned.includes(name));
    for (const name of needed) {
      for (const value of [
        undefined,
        "",
        "junk",
        "v1,",
        "v0=",
        "sha256=",
        "t=,v1=",
        "🐟".repeat(3),
        ",".repeat(3_000),
      ]) {
        const headers = Object.fromEntries(Object.entries(sent.headers).filter(([key]) => key !== name));
        if (value !== undefined) {
          try {
            new Headers({ [name]: value });
          } catch {
            continue;
          }
          headers[name] = value;
        }
        expect(await verdict(settings, { ...sent, headers }, [secret]), `${name}: ${value}`).toBe("refused");
      }
    }
  });

  it.runIf(timed)("keeps to the tolerance, in both directions, on both sides of its bounds", async () => {
    for (const [offset, expected] of [
      [-300, "verified"],
      [-301, "refused"],
      [300, "verified"],
      [301, "refused"],
    ] as const) {
      const sent = await sign(BODY, secret, SECONDS + offset);
      expect(await verdict(settings, sent, [secret], SECONDS * 1_000), `${offset} s`).toBe(expected);
    }
    const late = await sign(BODY, secret, SECONDS - 10);
    expect(await verdict({ ...settings, tolerance: "5s" }, late, [secret])).toBe("refused");
    expect(await verdict({ ...settings, tolerance: "1m" }, late, [secret])).toBe("verified");
  });
});

describe("GitHub", () => {
  const sha1 = { "x-hub-signature": `sha1=${createHmac("sha1", "k").update(BODY).digest("hex")}` };

  it("gives the signature that its documentation prints", async () => {
    const sent = {
      headers: {
        "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
      },
      body: "Hello, World!",
    };
    expect(await verdict({ scheme: "github" }, sent, ["It's a Secret to Everybody"])).toBe("verified");
  });

  it("counts SHA-1 only where it is allowed, and never beside SHA-256", async () => {
    expect(await verdict({ scheme: "github" }, { headers: sha1, body: BODY }, ["k"])).toBe("refused");
    expect(await verdict({ scheme: "github", allowSha1: true }, { headers: sha1, body: BODY }, ["k"])).toBe(
      "verified",
    );
    const both = { ...sha1, "x-hub-signature-256": `sha256=${"0".repeat(64)}` };
    expect(await verdict({ scheme: "github", allowSha1: true }, { headers: both, body: BODY }, ["k"])).toBe(
      "refused",
    );
  });

  it("takes no SHA-1 digest under the name of SHA-256", async () => {
    const weak = { "x-hub-signature-256": `sha256=${createHmac("sha1", "k").update(BODY).digest("hex")}` };
    expect(await verdict({ scheme: "github", allowSha1: true }, { headers: weak, body: BODY }, ["k"])).toBe(
      "refused",
    );
  });
});

describe("Stripe", () => {
  const v1 = (secret: string) => createHmac("sha256", secret).update(`${SECONDS}.${BODY}`).digest("hex");

  it("takes one right signature among several, and looks at no older scheme", async () => {
    const header = (text: string) => ({ headers: { "stripe-signature": text }, body: BODY });
    const two = header(`t=${SECONDS},v1=${v1("old")},v1=${v1("new")}`);
    expect(await verdict({ scheme: "stripe" }, two, ["new"])).toBe("verified");
    expect(await verdict({ scheme: "stripe" }, header(`t=${SECONDS},v0=${v1("new")}`), ["new"])).toBe(
      "refused",
    );
    expect(await verdict({ scheme: "stripe" }, header(`v1=${v1("new")}`), ["new"])).toBe("refused");
    expect(await verdict({ scheme: "stripe" }, header(`t=1,t=${SECONDS},v1=${v1("new")}`), ["new"])).toBe(
      "refused",
    );
  });
});

describe("Slack", () => {
  it("gives the signature that its documentation prints", async () => {
    const body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const sent = {
      headers: {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
      },
      body,
    };
    const settings = { scheme: "slack" };
    const secret = "8f742231b10e8888abcd99yyyzzz85a5";
    expect(await verdict(settings, sent, [secret], 1_531_420_618_000)).toBe("verified");
    expect(await verdict(settings, sent, [secret])).toBe("refused");
  });
});

describe("Standard Webhooks and Svix", () => {
  it("give the signature that Svix's documentation prints", async () => {
    const sent = {
      headers: {
        "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "svix-timestamp": "1614265330",
        "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      },
      body: '{"test": 2432232314}',
    };
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    expect(await verdict({ scheme: "svix" }, sent, [secret], 1_614_265_330_000)).toBe("verified");
  });

  it("take one right signature among several, of version 1 alone", async () => {
    const right = new StandardWebhook(WHSEC).sign("m", new Date(NOW), BODY);
    const header = (signature: string) => ({
      headers: { "webhook-id": "m", "webhook-timestamp": String(SECONDS), "webhook-signature": signature },
      body: BODY,
    });
    expect(await verdict({ scheme: "standard" }, header(`v1,AAAA v1a,BBBB ${right}`), [WHSEC])).toBe(
      "verified",
    );
    expect(await verdict({ scheme: "standard" }, header(right.replace("v1,", "v2,")), [WHSEC])).toBe(
      "refused",
    );
    expect(await verdict({ scheme: "standard" }, header(right.replace("v1,", "")), [WHSEC])).toBe("refused");
  });

  it("sign the id and the time, too", async () => {
    const signed = {
      "webhook-id": "m",
      "webhook-timestamp": String(SECONDS),
      "webhook-signature": new StandardWebhook(WHSEC).sign("m", new Date(NOW), BODY),
    };
    const other = { ...signed, "webhook-id": "n" };
    const later = { ...signed, "webhook-timestamp": String(SECONDS + 1) };
    expect(await verdict({ scheme: "standard" }, { headers: other, body: BODY }, [WHSEC])).toBe("refused");
    expect(await verdict({ scheme: "standard" }, { headers: later, body: BODY }, [WHSEC])).toBe("refused");
  });

  it("are one another's only with all three headers of one family", async () => {
    const headers = {
      "webhook-id": "m",
      "webhook-timestamp": String(SECONDS),
      "webhook-signature": new StandardWebhook(WHSEC).sign("m", new Date(NOW), BODY),
    };
    expect(await verdict({ scheme: "svix" }, { headers, body: BODY }, [WHSEC])).toBe("verified");
    const mixed = {
      "svix-id": "m",
      "webhook-timestamp": String(SECONDS),
      "svix-signature": headers["webhook-signature"],
    };
    expect(await verdict({ scheme: "svix" }, { headers: mixed, body: BODY }, [WHSEC])).toBe("refused");
  });
});

describe("Twilio", () => {
  const url = "https://mycompany.com/myapp.php?foo=1&bar=2";
  const fields = {
    CallSid: "CA1234567890ABCDE",
    Caller: "+14158675309",
    Digits: "1234",
    From: "+14158675309",
    To: "+18005551212",
  };
  const form = (given: Record<string, string>) => ({
    url,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    },
    body: new URLSearchParams(given).toString(),
  });

  it("gives the signature that its documentation prints, whatever the fields' order", async () => {
    expect(await verdict({ scheme: "twilio" }, form(fields), ["12345"])).toBe("verified");
    const turned = Object.fromEntries(Object.entries(fields).reverse());
    expect(await verdict({ scheme: "twilio" }, form(turned), ["12345"])).toBe("verified");
    expect(await verdict({ scheme: "twilio" }, form({ ...fields, Extra: "1" }), ["12345"])).toBe("refused");
    expect(await verdict({ scheme: "twilio" }, form({ ...fields, Digits: "1235" }), ["12345"])).toBe(
      "refused",
    );
    expect(await verdict({ scheme: "twilio" }, form(fields), ["54321"])).toBe("refused");
  });

  it("covers the URL, which may be another than the one behind a proxy", async () => {
    const behind = { ...form(fields), url: "http://127.0.0.1:8787/v1/webhook/x?foo=1&bar=2" };
    expect(await verdict({ scheme: "twilio" }, behind, ["12345"])).toBe("refused");
    const settings = { scheme: "twilio", url: "https://mycompany.com/myapp.php" };
    expect(await verdict(settings, behind, ["12345"])).toBe("verified");
    const otherQuery = { ...behind, url: "http://127.0.0.1:8787/v1/webhook/x?foo=1&bar=3" };
    expect(await verdict(settings, otherQuery, ["12345"])).toBe("refused");
  });

  it("takes each different value of a repeated field once, in order", async () => {
    const signed = `${url}A1A2`;
    const sent = {
      url,
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": createHmac("sha1", "k").update(signed).digest("base64"),
      },
      body: "A=2&A=1&A=2",
    };
    expect(await verdict({ scheme: "twilio" }, sent, ["k"])).toBe("verified");
  });

  it("refuses a body that neither a form nor bodySHA256 binds", async () => {
    const sent = {
      url,
      headers: {
        "content-type": "application/json",
        "x-twilio-signature": createHmac("sha1", "k").update(url).digest("base64"),
      },
      body: "{}",
    };
    expect(await verdict({ scheme: "twilio" }, sent, ["k"])).toBe("refused");
  });
});

describe("plain HMAC", () => {
  const plain = { scheme: "hmac", header: "x-sig" };
  const hex = createHmac("sha256", "k").update(BODY).digest("hex");

  it("takes hexadecimal digits in any case, and one right signature among several", async () => {
    expect(await verdict(plain, { headers: { "x-sig": hex.toUpperCase() }, body: BODY }, ["k"])).toBe(
      "verified",
    );
    expect(await verdict(plain, { headers: { "x-sig": `00, ${hex}` }, body: BODY }, ["k"])).toBe("verified");
  });

  it("takes milliseconds as well as seconds", async () => {
    const timed = { ...plain, timestamp: "x-time", content: "{timestamp}.{body}" };
    const at = (time: string) => ({
      headers: { "x-time": time, "x-sig": createHmac("sha256", "k").update(`${time}.${BODY}`).digest("hex") },
      body: BODY,
    });
    expect(await verdict(timed, at(String(NOW)), ["k"])).toBe("verified");
    expect(await verdict(timed, at(String(SECONDS)), ["k"])).toBe("verified");
    expect(await verdict(timed, at(String(NOW - 301_000)), ["k"])).toBe("refused");
    expect(await verdict(timed, at("-5"), ["k"])).toBe("refused");
  });

  it.each([
    [{ content: "no body" }],
    [{ content: "{body}{body}" }],
    [{ content: "{timestamp}.{body}" }],
    [{ content: "{body}{url}" }],
    [{ timestamp: "x-time" }],
    [{ id: "x-id" }],
    [{ tolerance: "5m" }],
    [{ header: "bad header" }],
    [{ secret: [] }],
    [{ secret: ["a", "b", "c", "d"] }],
  ])("cannot be set up as %j", (wrong) => {
    expect(WebhookSignature.safeParse({ secret: "s", ...plain, ...wrong }).success).toBe(false);
  });
});
