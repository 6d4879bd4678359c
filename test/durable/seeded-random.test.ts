import { expect, test } from "vitest";
import { SeededRandom } from "../../src/durable/run-shard/seeded-random";

test("the same run sees the same numbers at the same place, whatever was drawn elsewhere", () => {
  const first = new SeededRandom("run-1");
  const drawn = [first.next("a"), first.next("b"), first.next("a")];
  const again = new SeededRandom("run-1");
  expect([again.next("a"), again.next("a")]).toEqual([drawn[0], drawn[2]]);
  expect(again.next("b")).toBe(drawn[1]);
  expect(new SeededRandom("run-2").next("a")).not.toBe(drawn[0]);
});

test("numbers lie in [0, 1), and spread evenly, within a place and over places", () => {
  const random = new SeededRandom("seed");
  for (const place of [() => "one", (index: number) => `each[0.0.${index}]/x`]) {
    const tenths = new Array<number>(10).fill(0);
    for (let index = 0; index < 10_000; index += 1) {
      const drawn = random.next(place(index));
      expect(drawn >= 0 && drawn < 1).toBe(true);
      tenths[Math.floor(drawn * 10)] = (tenths[Math.floor(drawn * 10)] ?? 0) + 1;
    }
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  }
});
