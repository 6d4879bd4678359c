import { describe, expect, test } from "vitest";
import { CallbackSigner } from "../../src/auth/callback-token";
import { newDurableRunId } from "../../src/domain/process-id";

const key = (byte: number, length = 32) => Buffer.alloc(length, byte).toString("base64");
const signer = CallbackSigner.of(key(1)) as CallbackSigner;
const address = { environmentId: 40, runId: newDurableRunId(1_000_000, 3), step: "[2]/quote>grün" };

describe("a callback's token", () => {
  test("stands for its address, under the same key alone", () => {
    expect(signer.verify(signer.sign(address))).toEqual(address);
    expect(CallbackSigner.of(key(2))?.verify(signer.sign(address))).toBeUndefined();
  });

  test("outlives one change of the key", () => {
    const rotated = CallbackSigner.of(key(2), key(1)) as CallbackSigner;
    expect(rotated.verify(signer.sign(address))).toEqual(address);
    expect(rotated.verify(rotated.sign(address))).toEqual(address);
    expect(signer.verify(rotated.sign(address))).toBeUndefined();
  });

  test.each([undefined, "", "junk", key(1, 31), key(1, 33)])("%j is no key", (masterKey) => {
    expect(CallbackSigner.of(masterKey)).toBeUndefined();
  });

  test("is a path segment as it is", () => {
    const token = signer.sign(address);
    expect(encodeURIComponent(token)).toBe(token);
  });

  test("no character of it can be changed, left out or added", () => {
    const token = signer.sign(address);
    for (let at = 0; at < token.length; at += 1) {
      for (const other of ["A", "b", "0", ".", "-"]) {
        if (token[at] === other) continue;
        expect(signer.verify(token.slice(0, at) + other + token.slice(at + 1))).toBeUndefined();
      }
      expect(signer.verify(token.slice(0, at) + token.slice(at + 1))).toBeUndefined();
    }
    for (const more of ["A", "=", ".", ".x"]) expect(signer.verify(token + more)).toBeUndefined();
  });

  test("parts of two tokens make none", () => {
    const [environment, run, step] = signer.sign(address).split(".");
    const [, , other, mac] = signer.sign({ ...address, step: "pay" }).split(".");
    expect(signer.verify([environment, run, step, mac].join("."))).toBeUndefined();
    expect(signer.verify([environment, run, other, mac].join("."))).toMatchObject({ step: "pay" });
  });

  test.each(["", ".", "...", "a.b.c.d", "x".repeat(100_000), `1.${address.runId}..`])(
    "%.20j is none",
    (token) => {
      expect(signer.verify(token)).toBeUndefined();
    },
  );
});
