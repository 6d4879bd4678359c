import { z } from "zod";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d{1,9})\s*(ms|s|m|h|d)$/;

/** Milliseconds of `500ms`, `8s`, `2m`, `1h`, `3d` or of a plain number of milliseconds; `undefined` for anything else. */
export function parseDuration(source: unknown): number | undefined {
  if (typeof source === "number") return Number.isSafeInteger(source) && source >= 0 ? source : undefined;
  if (typeof source !== "string") return undefined;
  const match = DURATION.exec(source.trim());
  if (match === null) return /^\d{1,12}$/.test(source.trim()) ? Number(source) : undefined;
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

const FORM = "write a duration as 500ms, 8s, 2m, 1h or 3d, or as a whole number of milliseconds";

/** A duration in a definition, at least 1 ms and at most `max` ms; parsed to milliseconds. */
export function durationSchema(max: number) {
  return z
    .union([z.string(), z.number()], { error: FORM })
    .refine((source) => parseDuration(source) !== undefined, FORM)
    .refine((source) => (parseDuration(source) ?? 1) >= 1, "a duration is at least 1 ms")
    .refine((source) => (parseDuration(source) ?? 0) <= max, `at most ${max} ms are allowed here`);
}
