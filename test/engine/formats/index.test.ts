import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FormatError } from "../../../src/domain/format-error";
import {
  FORMATS,
  type Format,
  type FormatOptions,
  formats,
  type ParseOptions,
} from "../../../src/engine/formats";

const SAMPLES: Record<Format, { text: string; value: unknown; type: string; refused: string }> = {
  json: { text: '{"a":"1"}', value: { a: "1" }, type: "application/json", refused: "{" },
  xml: {
    text: '<?xml version="1.0" encoding="UTF-8"?><a>1</a>',
    value: { a: "1" },
    type: "application/xml",
    refused: "<a>",
  },
  csv: { text: "a\r\n1\r\n", value: [{ a: "1" }], type: "text/csv", refused: "" },
  form: { text: "a=1", value: { a: "1" }, type: "application/x-www-form-urlencoded", refused: "a=%" },
};

function roundTrip<F extends Format>(format: F): void {
  const codec = formats[format];
  const sample = SAMPLES[format];
  const parsed = codec.parse(sample.text, codec.parseOptions.parse({}) as ParseOptions[F]);
  expect(parsed).toEqual(sample.value);
  expect(codec.format(parsed, codec.formatOptions.parse({}) as FormatOptions[F])).toBe(sample.text);
  expect(codec.contentType).toBe(sample.type);
}

describe("formats", () => {
  it.each(FORMATS)("%s reads and writes with nothing set", (format) => {
    roundTrip(format);
  });

  it.each(FORMATS)("%s names the text that it refuses", (format) => {
    const codec = formats[format] as { parse(text: string, options: unknown, what: string): unknown };
    const options = formats[format].parseOptions.parse({});
    expect(() => codec.parse(SAMPLES[format].refused, options, "the reply of the supplier")).toThrow(
      FormatError,
    );
    expect(() => codec.parse(SAMPLES[format].refused, options, "the reply of the supplier")).toThrow(
      /^the reply of the supplier: /,
    );
  });

  it.each(FORMATS)("every option of %s is described, for the reference is made of it", (format) => {
    for (const schema of [formats[format].parseOptions, formats[format].formatOptions]) {
      const { properties = {} } = z.toJSONSchema(schema, { io: "input" });
      for (const option of Object.values(properties))
        expect((option as { description?: string }).description).toBeTruthy();
    }
  });

  it.each(FORMATS)("%s refuses an option that it does not have", (format) => {
    expect(formats[format].parseOptions.safeParse({ heading: true }).success).toBe(false);
    expect(formats[format].formatOptions.safeParse({ heading: true }).success).toBe(false);
  });

  it("indents JSON when asked, up to 8 spaces", () => {
    expect(formats.json.format({ a: 1 }, { indent: 2 })).toBe('{\n  "a": 1\n}');
    expect(formats.json.formatOptions.safeParse({ indent: 8 }).success).toBe(true);
    expect(formats.json.formatOptions.safeParse({ indent: 9 }).success).toBe(false);
  });
});
