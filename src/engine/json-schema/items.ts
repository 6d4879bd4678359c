import type { Json, JsonObject } from "../../domain/json";
import type { Check } from "./checking";
import type { Compiler } from "./compile";
import type { Path } from "./references";

/** `items` and `additionalItems`. */
export function itemsOf(schema: JsonObject, path: Path, compiler: Compiler): Check | undefined {
  if (Object.hasOwn(schema, "additionalItems") && typeof schema.additionalItems !== "boolean") {
    compiler.schema(schema.additionalItems as Json, [...path, "additionalItems"]);
  }
  if (!Object.hasOwn(schema, "items")) return undefined;
  const items = schema.items as Json;
  if (!Array.isArray(items)) {
    const each = compiler.schema(items, [...path, "items"]);
    return elements(() => each);
  }
  const first = items.map((item, index) => compiler.schema(item, [...path, "items", index]));
  const additional = Object.hasOwn(schema, "additionalItems") ? schema.additionalItems : true;
  if (additional === true) return elements((index) => first[index]);
  if (additional === false) {
    const none: Check = (_value, place, checking) =>
      checking.fail(place, `is one element more than the ${first.length} that the schema has`);
    return elements((index) => first[index] ?? none);
  }
  const rest = compiler.schema(additional as Json, [...path, "additionalItems"]);
  return elements((index) => first[index] ?? rest);
}

function elements(checkOf: (index: number) => Check | undefined): Check {
  return (value, place, checking) => {
    if (!Array.isArray(value)) return true;
    let passed = true;
    for (let index = 0; index < value.length; index += 1) {
      const check = checkOf(index);
      if (check === undefined) break;
      if (check(value[index] as Json, { up: place, step: index }, checking)) continue;
      passed = false;
      if (checking.hurried) break;
    }
    return passed;
  };
}
