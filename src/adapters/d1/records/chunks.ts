import { textChunks } from "../json-chunks";

/** A record's fields as JSON in a parameter; its data is put in as it is, so that it is not escaped once more. */
export interface RawRow {
  head: unknown;
  data: string;
}

/** Characters of one JSON parameter: a D1 value ends at 2 MB, and a character may take three bytes. */
const MAX_PARAMETER_CHARS = 600_000;

/** Values of mapped fields as `[uuid, field, value]`. */
export function fieldRows(
  records: readonly { uuid: string; fields: readonly (readonly [string, string])[] }[],
): (readonly [string, string, string])[] {
  return records.flatMap(({ uuid, fields }) =>
    fields.map(([field, value]): readonly [string, string, string] => [uuid, field, value]),
  );
}

/** JSON arrays of the rows, each of a size that one bound parameter holds. */
export function rawChunks(rows: readonly RawRow[]): Generator<string> {
  return textChunks(
    rows,
    ({ head, data }) => `${JSON.stringify(head).slice(0, -1)},"d":${data}}`,
    MAX_PARAMETER_CHARS,
  );
}
