import { describe, expect, test } from "vitest";
import { eachConcurrently, eachInOrder } from "../../src/engine/maybe-promise";
import { settled } from "../support/fake-host";

/** Work that ends when the test says so. */
function gates() {
  const open: (() => void)[] = [];
  const fail: ((error: Error) => void)[] = [];
  const began: number[] = [];
  const visit = (element: number) =>
    new Promise<void>((resolve, reject) => {
      began.push(element);
      open[element] = resolve;
      fail[element] = reject;
    });
  return { open, fail, began, visit };
}

describe("each in order", () => {
  test("without a promise when nothing waits", () => {
    const seen: number[] = [];
    expect(eachInOrder([1, 2, 3], (element) => void seen.push(element))).toBeUndefined();
    expect(seen).toEqual([1, 2, 3]);
  });

  test("waits for one before the next begins, and stops at the first error", async () => {
    const { visit, open, fail, began } = gates();
    const all = eachInOrder([0, 1, 2], visit);
    expect(began).toEqual([0]);
    open[0]?.();
    await settled();
    expect(began).toEqual([0, 1]);
    fail[1]?.(new Error("one"));
    await expect(all).rejects.toThrow("one");
    expect(began).toEqual([0, 1]);
  });

  test("a hundred thousand that wait need no chain of as many promises", async () => {
    let count = 0;
    const elements = Array.from({ length: 100_000 }, (_, index) => index);
    await eachInOrder(elements, async () => {
      count += 1;
    });
    expect(count).toBe(100_000);
  });
});

describe("each concurrently", () => {
  test("without a promise when nothing waits, errors included", () => {
    const seen: number[] = [];
    expect(eachConcurrently([1, 2, 3], 2, (element) => void seen.push(element))).toBeUndefined();
    expect(seen).toEqual([1, 2, 3]);
    const work = () =>
      eachConcurrently([1, 2, 3], 2, (element) => {
        seen.push(element);
        throw new Error(`no ${element}`);
      });
    expect(work).toThrow("no 1");
    expect(seen).toEqual([1, 2, 3, 1]);
  });

  test("as many at once as allowed", async () => {
    const { visit, open, began } = gates();
    const all = eachConcurrently([0, 1, 2, 3], 2, visit);
    expect(began).toEqual([0, 1]);
    open[1]?.();
    await settled();
    expect(began).toEqual([0, 1, 2]);
    for (const index of [0, 2]) open[index]?.();
    await settled();
    open[3]?.();
    await all;
    expect(began).toEqual([0, 1, 2, 3]);
  });

  test("after an error nothing new begins, and the error waits for what is under way", async () => {
    const { visit, open, fail, began } = gates();
    const all = Promise.resolve(eachConcurrently([0, 1, 2, 3], 2, visit));
    let ended = false;
    all.catch(() => {
      ended = true;
    });
    fail[0]?.(new Error("zero"));
    await settled();
    expect([began, ended]).toEqual([[0, 1], false]);
    open[1]?.();
    await expect(all).rejects.toThrow("zero");
    expect(began).toEqual([0, 1]);
  });
});
