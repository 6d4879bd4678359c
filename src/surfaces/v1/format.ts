import type { V1Format } from "./route";

/** Media types that clients ask for, and what we write for them. */
const WRITES: readonly (readonly [RegExp, V1Format])[] = [
  [/^(?:application|text)\/json$|^application\/(?:[\w.-]+\+)?json$/, "json"],
  [/^(?:application|text)\/xml$/, "xml"],
  [/^text\/plain$/, "text"],
];

/**
 * How an answer is written: as an explicit `Accept` says, else like the request's `Content-Type` (seed), else JSON. An
 * `Accept` that names nothing we write is as good as none: a failure is better told in JSON than not at all.
 */
export function answerFormat(accept: string | null, contentType: string | null, text: boolean): V1Format {
  const asked = accept === null ? undefined : preferred(accept, text);
  if (asked !== undefined) return asked;
  return formatOf((contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "", text) ?? "json";
}

function formatOf(type: string, text: boolean): V1Format | undefined {
  if (/\+xml$/.test(type)) return "xml";
  const format = WRITES.find(([pattern]) => pattern.test(type))?.[1];
  return format === "text" && !text ? undefined : format;
}

/** The format with the highest quality; `undefined` when only wildcards, or nothing of ours, is asked for. */
function preferred(accept: string, text: boolean): V1Format | undefined {
  let best: { format: V1Format; quality: number } | undefined;
  for (const range of accept.split(",").slice(0, 50)) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const format = type.endsWith("xhtml+xml") ? undefined : formatOf(type, text);
    if (format === undefined) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const quality = q === undefined ? 1 : Number(q);
    if (!(quality > 0) || (best !== undefined && best.quality >= quality)) continue;
    best = { format, quality };
  }
  return best?.format;
}
