import { describe, expect, it } from "vitest";
import { GatheredCalls } from "../../src/adapters/durable/gathered-calls";

/** An object that answers when the test says so, and remembers what it was asked in which call. */
class FakeObject {
  readonly calls: string[][] = [];
  readonly #answers: { answer: () => void; fail: (reason: unknown) => void }[] = [];
  readonly background: Promise<unknown>[] = [];
  time = 0;
  readonly gathered: GatheredCalls<string, string>;

  constructor(most = 100) {
    this.gathered = new GatheredCalls({
      most,
      background: (work) => void this.background.push(work),
      now: () => this.time,
      send: (key, requests) => {
        this.calls.push(requests.map((request) => `${key}/${request}`));
        return new Promise((resolve, reject) => {
          this.#answers.push({
            answer: () => resolve(requests.map((request) => `${request}!`)),
            fail: reject,
          });
        });
      },
    });
  }

  /** The oldest call under way comes back. */
  async answer(): Promise<void> {
    this.#answers.shift()?.answer();
    await turns();
  }

  async fail(reason: unknown): Promise<void> {
    this.#answers.shift()?.fail(reason);
    await turns();
  }
}

async function turns(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

describe("calls of one object", () => {
  it("go out at once when none is under way", async () => {
    const object = new FakeObject();
    const asked = object.gathered.ask("a", "one");
    expect(object.calls).toEqual([["a/one"]]);
    await object.answer();
    expect(await asked).toBe("one!");
    void object.gathered.ask("a", "two");
    expect(object.calls).toEqual([["a/one"], ["a/two"]]);
  });

  it("travel together, in order, when one is under way, and each gets its own answer", async () => {
    const object = new FakeObject();
    const asked = ["one", "two", "three", "four"].map((request) => object.gathered.ask("a", request));
    expect(object.calls).toEqual([["a/one"]]);
    await object.answer();
    expect(object.calls).toEqual([["a/one"], ["a/two", "a/three", "a/four"]]);
    const late = object.gathered.ask("a", "late");
    await object.answer();
    expect(object.calls.at(-1)).toEqual(["a/late"]);
    await object.answer();
    expect(await Promise.all([...asked, late])).toEqual(["one!", "two!", "three!", "four!", "late!"]);
  });

  it("of another object are not held up", () => {
    const object = new FakeObject();
    void object.gathered.ask("a", "one");
    void object.gathered.ask("b", "one");
    expect(object.calls).toEqual([["a/one"], ["b/one"]]);
  });

  it("are so many at the most; the others follow, in order", async () => {
    const object = new FakeObject(2);
    const asked = ["1", "2", "3", "4", "5", "6"].map((request) => object.gathered.ask("a", request));
    for (let call = 0; call < 4; call += 1) await object.answer();
    expect(object.calls).toEqual([["a/1"], ["a/2", "a/3"], ["a/4", "a/5"], ["a/6"]]);
    expect(await Promise.all(asked)).toEqual(["1!", "2!", "3!", "4!", "5!", "6!"]);
  });

  it("leave out who has gone before they left", async () => {
    const object = new FakeObject();
    const first = object.gathered.ask("a", "first");
    let gone = false;
    const left = object.gathered.ask("a", "gone", () => !gone);
    const stays = object.gathered.ask("a", "stays");
    gone = true;
    await object.answer();
    expect(object.calls.at(-1)).toEqual(["a/stays"]);
    await object.answer();
    expect(await Promise.all([first, left, stays])).toEqual(["first!", undefined, "stays!"]);
  });

  it("are not made when everybody has gone, and the next one goes out at once", async () => {
    const object = new FakeObject();
    void object.gathered.ask("a", "first");
    const left = object.gathered.ask("a", "gone", () => false);
    await object.answer();
    expect(await left).toBeUndefined();
    void object.gathered.ask("a", "next");
    expect(object.calls).toEqual([["a/first"], ["a/next"]]);
  });

  it("fail for those who travelled together, and for nobody else", async () => {
    const object = new FakeObject();
    const first = object.gathered.ask("a", "first");
    const together = ["one", "two"].map((request) => object.gathered.ask("a", request));
    const settled = Promise.allSettled([first, ...together]);
    await object.fail(new Error("moved"));
    const after = object.gathered.ask("a", "after");
    await object.fail(new Error("moved again"));
    await object.answer();
    expect((await settled).map((each) => each.status === "rejected" && String(each.reason))).toEqual([
      "Error: moved",
      "Error: moved again",
      "Error: moved again",
    ]);
    expect(await after).toBe("after!");
  });

  it("that never come back hold up the next ones for two seconds at the most", async () => {
    const object = new FakeObject();
    void object.gathered.ask("a", "lost");
    void object.gathered.ask("a", "behind it");
    object.time = 1_999;
    void object.gathered.ask("a", "behind it too");
    expect(object.calls).toEqual([["a/lost"]]);
    object.time = 2_000;
    void object.gathered.ask("a", "later");
    expect(object.calls).toEqual([["a/lost"], ["a/later"]]);
  });

  it("outlive their callers", async () => {
    const object = new FakeObject();
    void object.gathered.ask("a", "first");
    void object.gathered.ask("a", "second");
    void object.gathered.ask("a", "third");
    // Who makes a call makes it as work in the background: two calls for three callers.
    expect(object.background).toHaveLength(2);
    await object.answer();
    await object.answer();
    await Promise.all(object.background);
  });
});
