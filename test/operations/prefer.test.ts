import { expect, test } from "vitest";
import { MAX_PREFER_WAIT_S } from "../../src/domain/limits";
import { preferredWait } from "../../src/operations/prefer";

test.each([
  [null, undefined],
  ["", undefined],
  ["wait=10", 10],
  ["respond-async, wait=10", 10],
  ["Wait = 5", 5],
  ['wait="7"', 7],
  ["wait=3; foo=bar", 3],
  ["wait=1, wait=2", 1],
  ["wait=0", 0],
  ["wait", undefined],
  ["wait=-1", undefined],
  ["wait=1.5", undefined],
  ["await=9", undefined],
  ["wait=999999999", MAX_PREFER_WAIT_S],
])("Prefer: %s waits %s seconds", (header, seconds) => {
  expect(preferredWait(header)).toBe(seconds);
});
