import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { KeySigner, keyInHeader, MIN_SIGNING_SECRET_BYTES } from "../../src/auth/api-key";

const SECRET = "a signing secret of more than thirty-two bytes";
const NOW = Date.UTC(2030, 0, 1);
const CLAIMS = { id: "0123456789abcdef0123456789abcdef", organizationId: 1, userId: 7, issuedAt: NOW };

const signer = new KeySigner(SECRET);
const issue = (more: Partial<typeof CLAIMS & { notBefore: number; expiresAt: number }> = {}) =>
  signer.issue({ ...CLAIMS, ...more });

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const decode = (part: string | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(part ?? "", "base64url").toString()) as Record<string, unknown>;

/** A token as an attacker could make one: with this header and these claims, signed as said. */
function forge(header: unknown, claims: unknown, secret: string | Buffer = SECRET, hash = "sha256"): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest("base64url")}`;
}

test("a key says who issued it to whom, and is shown back", async () => {
  const token = await issue({ expiresAt: NOW + 60_000, notBefore: NOW - 1_000 });
  const [header, claims] = token.split(".");
  expect(decode(header)).toEqual({ alg: "HS256", typ: "api-key+jwt", kid: signer.kid });
  expect(decode(claims)).toEqual({
    iss: "sluice",
    aud: "sluice:action-api",
    sub: "7",
    jti: CLAIMS.id,
    org: 1,
    iat: NOW / 1_000,
    nbf: NOW / 1_000 - 1,
    exp: NOW / 1_000 + 60,
  });
  expect(await signer.verify(token, NOW)).toEqual({
    id: CLAIMS.id,
    organizationId: 1,
    userId: 7,
    notBefore: NOW - 1_000,
    expiresAt: NOW + 60_000,
  });
});

test("a key without times counts for ever", async () => {
  const token = await issue();
  expect(await signer.verify(token, NOW + 1e12)).toMatchObject({
    notBefore: 0,
    expiresAt: Number.POSITIVE_INFINITY,
  });
});

describe("twelve and more forged tokens are refused", async () => {
  const token = await issue();
  const [header = "", claims = "", signature = ""] = token.split(".");
  const good = decode(header);
  const said = decode(claims);
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
  const rsaText = `${encode({ ...good, alg: "RS256" })}.${claims}`;
  const { iss: _iss, ...withoutIssuer } = said;
  const { jti: _jti, ...withoutId } = said;

  const forged: Record<string, string> = {
    "alg none, no signature": `${encode({ ...good, alg: "none" })}.${claims}.`,
    "alg None, the old signature": `${encode({ ...good, alg: "None" })}.${claims}.${signature}`,
    "alg HS384": forge({ ...good, alg: "HS384" }, said, SECRET, "sha384"),
    "alg HS512": forge({ ...good, alg: "HS512" }, said, SECRET, "sha512"),
    "RS256 by a key of the attacker's": `${rsaText}.${sign("sha256", Buffer.from(rsaText), privateKey).toString("base64url")}`,
    "HS256 keyed with a public key": forge(good, said, pem),
    "a key in the header (jwk)": forge(
      { ...good, jwk: { kty: "oct", k: encode("x".repeat(32)) } },
      said,
      "x".repeat(32),
    ),
    "another secret": forge(good, said, `${SECRET}!`),
    "the empty secret": forge(good, said, ""),
    "another user": `${header}.${encode({ ...said, sub: "8" })}.${signature}`,
    "another organization": `${header}.${encode({ ...said, org: 2 })}.${signature}`,
    "no kid": forge({ alg: "HS256", typ: "api-key+jwt" }, said),
    "a kid that is a path": forge({ ...good, kid: "../../../../dev/null" }, said, ""),
    "a kid that is SQL": forge({ ...good, kid: "' UNION SELECT 'x" }, said, "x"),
    "a kid that is a prototype's": forge({ ...good, kid: "__proto__" }, said, ""),
    "an unknown kid": forge({ ...good, kid: "0".repeat(16) }, said),
    "another type": forge({ ...good, typ: "JWT" }, said),
    "no type": forge({ alg: "HS256", kid: good.kid }, said),
    "a critical extension": forge({ ...good, crit: ["b64"], b64: false }, said),
    "another issuer": forge(good, { ...said, iss: "someone" }),
    "no issuer": forge(good, withoutIssuer),
    "another audience": forge(good, { ...said, aud: "other" }),
    "no id": forge(good, withoutId),
    "a subject that is no number": forge(good, { ...said, sub: "7 OR 1=1" }),
    "times that are texts": forge(good, { ...said, exp: "never" }),
    "a cut signature": `${header}.${claims}.${signature.slice(0, -2)}`,
    "no signature": `${header}.${claims}.`,
    "two parts": `${header}.${claims}`,
    "claims that are no JSON": `${header}.${encode("{")}.${signature}`,
    "very long": `${header}.${claims}.${signature}${"A".repeat(7_000)}`,
  };
  test.each(Object.entries(forged))("%s", async (_, each) => {
    await expect(signer.verify(each, NOW)).rejects.toMatchObject({ code: "unauthenticated" });
  });
  test("while what they were forged from is accepted", async () => {
    expect(await signer.verify(token, NOW)).toMatchObject({ userId: 7 });
    expect(await signer.verify(forge(good, said), NOW)).toMatchObject({ userId: 7 });
  });
});

test("expired, and not yet valid, to the second", async () => {
  const token = await issue({ notBefore: NOW + 10_000, expiresAt: NOW + 20_000 });
  const verdict = (at: number) =>
    signer.verify(token, at).then(
      () => "accepted",
      (error: Error) => error.message,
    );
  expect(await verdict(NOW + 9_000)).toMatch(/not an API key that counts/);
  expect(await verdict(NOW + 10_000)).toBe("accepted");
  expect(await verdict(NOW + 19_000)).toBe("accepted");
  expect(await verdict(NOW + 20_000)).toMatch(/expired/);
});

describe("the signing secret", () => {
  const bytes = (count: number) => "ü".repeat(1).padEnd(count - 1, "x");

  test("of 32 bytes works, of 31 issues and accepts nothing, and the error says why", async () => {
    expect(MIN_SIGNING_SECRET_BYTES).toBe(32);
    expect(Buffer.byteLength(bytes(32))).toBe(32);
    const enough = new KeySigner(bytes(32));
    const token = await enough.issue(CLAIMS);
    expect(await enough.verify(token, NOW)).toMatchObject({ userId: 7 });

    const short = new KeySigner(bytes(31));
    const refusal = {
      code: "not_configured",
      message: expect.stringMatching(/phixflow-api-key.*32/) as string,
    };
    expect(() => short.issue(CLAIMS)).toThrow(expect.objectContaining(refusal));
    await expect(short.verify(token, NOW)).rejects.toMatchObject(refusal);
    await expect(short.verify(forge({ alg: "HS256" }, {}, bytes(31)), NOW)).rejects.toMatchObject(refusal);
  });

  test("missing or empty: says that it is not set", async () => {
    for (const secret of [undefined, ""])
      await expect(new KeySigner(secret).verify("a.b.c", NOW)).rejects.toMatchObject({
        code: "not_configured",
        message: expect.stringContaining("is not set") as string,
      });
  });

  test("rotates: the previous one's keys count while it is there, and new keys are the new one's", async () => {
    const old = await issue();
    const rotated = new KeySigner("another secret of more than thirty-two bytes", SECRET);
    expect(await rotated.verify(old, NOW)).toMatchObject({ userId: 7 });
    expect(rotated.signedWith(signer.kid)).toBe("previous");
    expect(rotated.signedWith(rotated.kid)).toBe("current");
    const fresh = await rotated.issue(CLAIMS);
    await expect(signer.verify(fresh, NOW)).rejects.toMatchObject({ code: "unauthenticated" });
    const done = new KeySigner("another secret of more than thirty-two bytes");
    await expect(done.verify(old, NOW)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(done.signedWith(signer.kid)).toBe("unknown");
  });

  test("a previous one that is too short counts for nothing", async () => {
    const short = new KeySigner(SECRET, "short");
    await expect(short.verify(forge({ alg: "HS256" }, {}, "short"), NOW)).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });

  test("is in no key and no error", async () => {
    const token = await issue();
    for (const part of token.split("."))
      expect(Buffer.from(part, "base64url").toString()).not.toContain(SECRET);
    await signer
      .verify(`${token}x`, NOW)
      .catch((error: Error) => expect(error.message).not.toContain(SECRET));
  });
});

test.each([
  ["a.b.c", "a.b.c"],
  ["Bearer a.b.c", "a.b.c"],
  ["bearer   a.b.c", "a.b.c"],
  [" a.b.c ", "a.b.c"],
  ["", undefined],
  ["Bearer", undefined],
  ["Basic YTpi", undefined],
  ["Bearer a.b", undefined],
  ["a.b.c.d", undefined],
  ["Bearer a.b.c, Bearer d.e.f", undefined],
  ["Token a.b.c", undefined],
  [`${"x".repeat(7_000)}`, undefined],
])("Authorization: %s", (header, key) => {
  expect(keyInHeader(header)).toBe(key);
});
