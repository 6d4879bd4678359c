import LinkHeader from "http-link-header";
import type { Json } from "../../domain/json";
import { withParameter } from "./exchange";
import type { CallAnswer, Paging, PreparedCall } from "./prepared-call";
import { isOwnHost } from "./redirect";

/** Pages of a list, fetched one after the other and joined. */

/** The value at a path of fields; `undefined` where it leads nowhere. */
export function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let at: Json | undefined = value;
  for (const step of path) {
    if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, step))
      return undefined;
    at = at[step];
  }
  return at;
}

/** The list of one page; `undefined` when there is none where it should be. */
export function pageItems(paging: Paging, body: Json): Json[] | undefined {
  const found = valueAt(body, paging.items);
  return Array.isArray(found) ? found : undefined;
}

/** The first page's body with another list in the place of its own. */
export function withItems(paging: Paging, body: Json, items: Json[]): Json {
  const put = (value: Json, path: readonly string[]): Json => {
    const [step, ...rest] = path;
    if (step === undefined) return items;
    const object = value as { [key: string]: Json };
    return { ...object, [step]: put(object[step] as Json, rest) };
  };
  return put(body, paging.items);
}

/** Whether the first request already names where its list begins. */
export function firstPage(call: PreparedCall, url: URL): URL {
  const { paging, querySeparator } = call;
  if (paging?.by !== "offset" && paging?.by !== "page") return url;
  let first = withQuery(url, paging.parameter, String(paging.start), querySeparator);
  if (paging.sizeParameter !== undefined) {
    first = withQuery(first, paging.sizeParameter, String(paging.size), querySeparator);
  }
  return first;
}

/**
 * Where the next page is; `undefined` after the last one.
 * @param page number of the page that `answer` is, from 0
 * @param items how many items it had
 * @param taken how many items there were so far, its own included
 */
export function nextPage(
  call: PreparedCall,
  url: URL,
  answer: CallAnswer,
  page: number,
  items: number,
  taken: number,
): URL | undefined | "elsewhere" {
  const { paging, querySeparator } = call;
  switch (paging?.by) {
    case "link": {
      const target = linkedNext(answer.headers.link);
      const next = target === undefined ? undefined : URL.parse(target, url.href);
      if (next === undefined) return undefined;
      if (next === null || next.protocol !== url.protocol || next.username !== "" || !isOwnHost(call, next))
        return "elsewhere";
      return next.href === url.href ? undefined : next;
    }
    case "cursor": {
      const cursor = valueAt(answer.body, paging.cursor);
      if (
        cursor === undefined ||
        cursor === null ||
        cursor === "" ||
        typeof cursor === "object" ||
        cursor === false
      )
        return undefined;
      return withQuery(url, paging.parameter, String(cursor), querySeparator);
    }
    case "offset":
      if (items === 0 || items < paging.size) return undefined;
      return withQuery(url, paging.parameter, String(paging.start + taken), querySeparator);
    case "page":
      if (items === 0 || items < paging.size) return undefined;
      return withQuery(url, paging.parameter, String(paging.start + page + 1), querySeparator);
    default:
      return undefined;
  }
}

/** The target of the link with the relation `next` (RFC 8288). */
function linkedNext(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  try {
    return LinkHeader.parse([header].flat().join(", ")).rel("next")[0]?.uri;
  } catch {
    return undefined;
  }
}

/** A URL with a parameter in the place of those of its name; the others stay as they are written. */
function withQuery(url: URL, name: string, value: string, separator: string): URL {
  const others = url.search
    .slice(1)
    .split(separator)
    .filter((pair) => pair !== "" && decoded(pair.split("=", 1)[0] as string) !== name);
  const kept = new URL(url);
  kept.search = others.join(separator);
  return withParameter(kept, name, value, separator);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
