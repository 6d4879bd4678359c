import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { beforeEach, describe, expect, test } from "vitest";
import { AccessVerifier } from "../../src/auth/access-jwt";

const TEAM = "acme.cloudflareaccess.com";
const NOW = Date.UTC(2030, 0, 1);

const pair = await generateKeyPair("RS256", { extractable: true });
const stranger = await generateKeyPair("RS256", { extractable: true });
const jwk: JWK = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "RS256", use: "sig" };

let asked: string[];
let answer: () => Response | Promise<Response>;
let verifier: AccessVerifier;

beforeEach(() => {
  asked = [];
  answer = () => Response.json({ keys: [jwk] });
  verifier = new AccessVerifier({
    teamDomain: TEAM,
    audience: "tag",
    now: () => NOW,
    fetch: async (url) => {
      asked.push(url);
      return answer();
    },
  });
});

interface Claims {
  [claim: string]: unknown;
}

function token(claims: Claims = {}, header: Claims = {}, key = pair.privateKey): Promise<string> {
  const seconds = NOW / 1_000;
  return new SignJWT({
    iss: `https://${TEAM}`,
    aud: ["tag"],
    email: "ann@acme.example",
    iat: seconds - 10,
    exp: seconds + 600,
    ...claims,
  })
    .setProtectedHeader({ alg: "RS256", kid: "one", ...header })
    .sign(key);
}

test("a person is known by the e-mail address, a service by its client id; keys are fetched once", async () => {
  expect(await verifier.verify(await token())).toBe("ann@acme.example");
  expect(await verifier.verify(await token({ email: "", common_name: "ci.access" }))).toBe("ci.access");
  expect(asked).toEqual([`https://${TEAM}/cdn-cgi/access/certs`]);
});

describe("refused", async () => {
  const good = await token();
  const [header = "", claims = ""] = good.split(".");
  const cases: Record<string, string> = {
    "another key": await token({}, {}, stranger.privateKey),
    "another issuer": await token({ iss: "https://evil.cloudflareaccess.com" }),
    "another audience": await token({ aud: ["other"] }),
    expired: await token({ exp: NOW / 1_000 - 11 }),
    "not yet valid": await token({ nbf: NOW / 1_000 + 60 }),
    "no expiry": await token({ exp: undefined }),
    "nobody in it": await token({ email: undefined }),
    "an unknown kid": await token({}, { kid: "../../etc/passwd" }),
    "alg none": `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`,
    "signed with the public key as a secret": await new SignJWT({ iss: `https://${TEAM}`, aud: "tag" })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .sign(new TextEncoder().encode(JSON.stringify(jwk))),
    "no signature": `${header}.${claims}.`,
    junk: "junk",
    "very long": "x".repeat(20_000),
  };
  test.each(Object.entries(cases))("%s", async (_, each) => {
    await expect(verifier.verify(each)).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

describe("when the keys cannot be had nothing is decided", () => {
  test.each<[string, () => Response | Promise<Response>]>([
    ["an error", () => new Response("no", { status: 500 })],
    ["no JSON", () => new Response("<html>")],
    ["JSON that is no key set", () => Response.json({})],
    ["no connection", () => Promise.reject(new TypeError("network"))],
  ])("%s", async (_, failing) => {
    answer = failing;
    await expect(verifier.verify(await token())).rejects.toMatchObject({ code: "unavailable" });
    answer = () => Response.json({ keys: [jwk] });
    expect(await verifier.verify(await token())).toBe("ann@acme.example");
  });
});
