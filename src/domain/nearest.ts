import { distance } from "fastest-levenshtein";

/** Names longer than this are not compared, in characters: the effort grows with the product of both lengths. */
const MAX_COMPARED = 64;

/**
 * The candidate that a misspelt name most likely meant, if one is close enough. A name that differs in case only wins;
 * otherwise about every third character may be wrong, so that `x` does not suggest `id`.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name === "" || name.length > MAX_COMPARED) return undefined;
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const lower = candidate.toLowerCase();
    if (lower === wanted) return candidate;
    // The difference in length is the least distance there can be.
    if (Math.abs(lower.length - wanted.length) >= bestDistance) continue;
    const found = isSwap(wanted, lower) ? 1 : distance(wanted, lower);
    // A name of which nothing remains is no misspelling.
    if (found < bestDistance && found < Math.max(wanted.length, lower.length)) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** Whether two letters side by side changed places: one slip of the fingers, though two changes of the text. */
function isSwap(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  return (
    left[at] === right[at + 1] && left[at + 1] === right[at] && left.slice(at + 2) === right.slice(at + 2)
  );
}

/** A piece of a sentence, with its leading space: ` Did you mean "string"?`; empty when nothing is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const found = nearest(name, candidates);
  return found === undefined ? "" : ` Did you mean ${JSON.stringify(found)}?`;
}
