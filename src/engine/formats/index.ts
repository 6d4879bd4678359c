import type { z } from "zod";
import type { Json } from "../../domain/json";
import { CsvFormatOptions, CsvParseOptions, formatCsv, parseCsv } from "./csv";
import { FormFormatOptions, FormParseOptions, formatForm, parseForm } from "./form";
import { formatJson, JsonFormatOptions, JsonParseOptions, parseJsonText } from "./json";
import { parseXml, XmlParseOptions } from "./xml";
import { formatXml, XmlFormatOptions } from "./xml-format";

/** The notations that data comes and goes in. The names are part of flows' definitions. */
export const FORMATS = ["json", "xml", "csv", "form"] as const;
export type Format = (typeof FORMATS)[number];

export interface ParseOptions {
  json: JsonParseOptions;
  xml: XmlParseOptions;
  csv: CsvParseOptions;
  form: FormParseOptions;
}

export interface FormatOptions {
  json: JsonFormatOptions;
  xml: XmlFormatOptions;
  csv: CsvFormatOptions;
  form: FormFormatOptions;
}

export interface FormatCodec<Parse, Write> {
  /** Content type of what `format` writes, without a charset: all of it is UTF-8. */
  readonly contentType: string;
  /** Schemas of the options below; their descriptions are the reference. */
  readonly parseOptions: z.ZodType<Parse>;
  readonly formatOptions: z.ZodType<Write>;
  /** @param what What the text is, to begin a message with: `the request body`. Throws FormatError. */
  parse(text: string, options: Parse, what?: string): Json;
  /** Throws FormatError for a value that the notation cannot hold. */
  format(value: Json, options: Write, what?: string): string;
}

/** Every format, by name. */
export const formats: { readonly [F in Format]: FormatCodec<ParseOptions[F], FormatOptions[F]> } = {
  json: {
    contentType: "application/json",
    parseOptions: JsonParseOptions,
    formatOptions: JsonFormatOptions,
    parse: parseJsonText,
    format: formatJson,
  },
  xml: {
    contentType: "application/xml",
    parseOptions: XmlParseOptions,
    formatOptions: XmlFormatOptions,
    parse: parseXml,
    format: formatXml,
  },
  csv: {
    contentType: "text/csv",
    parseOptions: CsvParseOptions,
    formatOptions: CsvFormatOptions,
    parse: parseCsv,
    format: formatCsv,
  },
  form: {
    contentType: "application/x-www-form-urlencoded",
    parseOptions: FormParseOptions,
    formatOptions: FormFormatOptions,
    parse: parseForm,
    format: formatForm,
  },
};
