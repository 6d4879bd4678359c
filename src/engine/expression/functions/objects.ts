import { isCallable, type Runtime } from "../runtime";
import { lookup } from "../steps";
import {
  append,
  boundGrowth,
  charge,
  isObject,
  mark,
  ownValue,
  type PlainObject,
  SEQUENCE,
  setOwn,
} from "../values";
import type { Definitions } from "./library";
import { SLOW } from "./slow";

function keysOf(value: unknown, rt: Runtime): unknown[] {
  if (Array.isArray(value)) {
    const seen: PlainObject = {};
    for (const element of value) for (const key of keysOf(element, rt)) setOwn(seen, key as string, true);
    return keysOf(seen, rt);
  }
  const keys: unknown[] = isObject(value) ? Object.keys(value) : [];
  charge(rt, keys.length + 1);
  return mark(keys, SEQUENCE);
}

function spread(value: unknown, rt: Runtime): unknown {
  if (Array.isArray(value)) {
    const parts: unknown[] = [];
    let opened = false;
    for (const element of value) {
      const inner = spread(element, rt);
      if (inner === undefined) continue;
      opened = true;
      if (Array.isArray(inner)) {
        boundGrowth(rt, parts.length, inner.length);
        for (const part of inner) parts.push(part);
      } else parts.push(inner);
    }
    // An empty array is an empty sequence; anything gathered is a plain array, as appending makes it.
    return opened ? parts : mark(parts, SEQUENCE);
  }
  if (!isObject(value)) return value;
  const parts = Object.keys(value).map((key) => {
    const one: PlainObject = {};
    setOwn(one, key, value[key]);
    return one;
  });
  charge(rt, parts.length + 1);
  return mark(parts, SEQUENCE);
}

function merge(values: unknown[], rt: Runtime): PlainObject {
  const merged: PlainObject = {};
  for (const value of values) {
    if (typeof value !== "object" || value === null) continue;
    const keys = Object.keys(value);
    charge(rt, keys.length + 1);
    for (const key of keys) setOwn(merged, key, (value as PlainObject)[key]);
  }
  return merged;
}

export const OBJECTS: Definitions = {
  keys: { signature: "<x-:a<s>>", arity: 1, call: ([value], rt) => keysOf(value, rt) },
  lookup: {
    signature: "<x-s:x>",
    arity: 2,
    call: ([value, name], rt) => {
      const key = String(name);
      return isCallable(value) ? undefined : lookup(rt, value, key, (object) => ownValue(object, key));
    },
    two: (value, name) => {
      if (!isObject(value) || typeof name !== "string") return SLOW;
      const found = ownValue(value, name);
      return Array.isArray(found) ? SLOW : found;
    },
  },
  spread: { signature: "<x-:a<o>>", arity: 1, call: ([value], rt) => spread(value, rt) },
  merge: {
    signature: "<a<o>:o>",
    arity: 1,
    call: ([values], rt) => (values === undefined ? undefined : merge(values as unknown[], rt)),
  },
  append: { signature: "<xx:a>", arity: 2, call: ([first, second], rt) => append(rt, first, second) },
};
