import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/domain/json";
import { JsonSchema } from "../../../src/engine/json-schema";

/** The official cases lie beside the project, not in it; without them there is nothing to try. */
const FILE = join(import.meta.dirname, "../../../../shared/conformance/json-schema-draft4/cases.jsonl");
const present = existsSync(FILE);
if (!present) console.log("The official JSON Schema cases are not beside the project: they are not tried.");

interface Case {
  file: string;
  description: string;
  schema: Json;
  tests: { description: string; data: Json; valid: boolean }[];
}

const cases: Case[] = present
  ? readFileSync(FILE, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Case)
  : [];

/** What does not agree, and why; docs/schemas.md says the same. */
const DEVIATING: Record<string, string> = {
  "refRemote: ": "nothing is fetched: a reference that leads out of the schema is refused",
  "definitions: validate definition against metaschema": "the metaschema is a remote document, too",
  "optional/zeroTerminatedFloats: ": "1.0 and 1 are the same number in JSON as JavaScript reads it",
  "optional/format/uri: validation of URIs: leading zero in an embedded IPv4": "uri is checked less strictly",
  "optional/format/uri: validation of URIs: non-numeric port": "uri is checked less strictly",
  "optional/format/uri: validation of URIs: square brackets are not allowed": "uri is checked less strictly",
};

describe.skipIf(!present)("the official cases of draft 4", () => {
  for (const { file, description, schema, tests } of cases) {
    const compiled = JsonSchema.compile(schema);
    for (const each of tests) {
      const name = `${file}: ${description}: ${each.description}`;
      it(name, () => {
        const reason = Object.entries(DEVIATING).find(([start]) => name.startsWith(start))?.[1];
        const answer =
          compiled instanceof JsonSchema
            ? compiled.validate({ one: each.data }).length === 0
            : compiled.problems;
        if (reason !== undefined) expect(answer).not.toBe(each.valid);
        else expect(answer).toBe(each.valid);
      });
    }
  }
});

describe.skipIf(!present)("what deviates", () => {
  it.each(Object.keys(DEVIATING))("is among the official cases: %s", (start) => {
    const names = cases.flatMap(({ file, description, tests }) =>
      tests.map((each) => `${file}: ${description}: ${each.description}`),
    );
    expect(names.filter((name) => name.startsWith(start))).not.toEqual([]);
  });
});
