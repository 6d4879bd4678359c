import { type Json, type JsonObject, setOwn } from "./json";

/** Fields that are lists, whatever their number of elements, and what people call an element of theirs. */
export type XmlLists = Readonly<Record<string, string>>;

const RULES: XmlLists = { rules: "rule" };

/**
 * The JSON that the XML of a search, a row or a change stands for. XML cannot say all of it plainly: an element with
 * `xsi:nil` is null, and a list of one looks like its element.
 */
export function fromXml(value: Json, lists: XmlLists = RULES): Json {
  if (Array.isArray(value)) return value.map((each) => fromXml(each, lists));
  if (typeof value !== "object" || value === null) return value;
  if (value["@xsi:nil"] === "true" || value["@nil"] === "true") return null;
  const result: JsonObject = {};
  for (const [key, field] of Object.entries(value)) {
    setOwn(result, key, fieldOf(key, fromXml(field, lists), lists));
  }
  return result;
}

function fieldOf(key: string, read: Json, lists: XmlLists): Json {
  if (typeof read !== "object" || read === null || Array.isArray(read)) return read;
  const [only, ...more] = Object.keys(read);
  const alone = more.length === 0 ? only : undefined;
  const element = Object.hasOwn(lists, key) ? lists[key] : undefined;
  // `<rules><rule>…</rule><rule>…</rule></rules>` is how people write lists too.
  if (element !== undefined) return [alone === element ? (read[element] as Json) : read].flat();
  return key === "columns" && alone === "column" ? (read.column as Json) : read;
}
