import type { Json, JsonObject } from "../../domain/json";
import { setOwn } from "../../domain/json";
import type { Check, Place } from "./checking";
import type { Compiler } from "./compile";
import { group, patternOf } from "./keyword";
import { isObject, type Path } from "./references";

/** `properties`, `patternProperties` and `additionalProperties`, which make sense only together. */
export function fieldsOf(schema: JsonObject, path: Path, compiler: Compiler): { check: Check | undefined } {
  const own = (key: string) => (Object.hasOwn(schema, key) ? schema[key] : undefined);
  const properties = group(own("properties"), { schema, path: [...path, "properties"], compiler });
  const patterns = group(own("patternProperties"), {
    schema,
    path: [...path, "patternProperties"],
    compiler,
  });
  const additional = own("additionalProperties");
  if (
    properties === undefined &&
    patterns === undefined &&
    (additional === undefined || additional === true)
  ) {
    return { check: undefined };
  }
  const named: Record<string, Check> = {};
  for (const [name, value] of Object.entries((own("properties") ?? {}) as JsonObject)) {
    setOwn(
      named as unknown as JsonObject,
      name,
      compiler.schema(value, [...path, "properties", name]) as unknown as Json,
    );
  }
  const matching = Object.entries((patterns === undefined ? {} : own("patternProperties")) as JsonObject).map(
    ([pattern, value]) => ({
      matches: patternOf(pattern, [...path, "patternProperties", pattern], compiler),
      check: compiler.schema(value, [...path, "patternProperties", pattern]),
    }),
  );
  const rest =
    additional === undefined || typeof additional === "boolean"
      ? undefined
      : compiler.schema(additional, [...path, "additionalProperties"]);
  return {
    check(value, place, checking) {
      if (!isObject(value)) return true;
      let passed = true;
      for (const name of Object.keys(value)) {
        checking.spend(1 + matching.length);
        const here: Place = { up: place, step: name };
        const field = value[name] as Json;
        let covered = false;
        if (Object.hasOwn(named, name)) {
          covered = true;
          if (!(named[name] as Check)(field, here, checking)) passed = false;
        }
        for (const { matches, check } of matching) {
          const found = matches(name);
          if (found === "too_long")
            passed = checking.fail(here, "is too long a name for the patterns of the schema");
          if (found === false) continue;
          covered = true;
          if (!check(field, here, checking)) passed = false;
        }
        if (!covered && additional === false)
          passed = checking.fail(here, "is a field that the schema does not have");
        if (!covered && rest !== undefined && !rest(field, here, checking)) passed = false;
        if (!passed && checking.hurried) return false;
      }
      return passed;
    },
  };
}
