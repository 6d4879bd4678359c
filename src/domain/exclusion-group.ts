import { z } from "zod";
import { durationSchema } from "./duration";
import { MAX_GROUP_CHARS, MAX_GROUP_QUEUE, MAX_TIMEOUT_MS } from "./limits";

/**
 * Exclusion groups: at most one run inside at any time (seed: properties of an API Endpoint, Exclusion Group). Here is
 * what is written down in a flow, and the words that callers of a group and the object behind it exchange; who may go
 * in is decided in `semaphore.ts`.
 */

/** What happens to a call that finds its group taken. */
export const ON_BUSY = ["reject", "queue", "attach", "cancel"] as const;
export type OnBusy = (typeof ON_BUSY)[number];

/** Milliseconds a permit holds without a word from its holder: longer than any pause of a healthy one, short enough to wait out. */
export const LEASE_MS = 15_000;
/** Milliseconds between two renewals: two may get lost before the lease ends. */
export const RENEW_MS = 5_000;
/** The same for a run that its endpoint's next call may cancel: how long that caller waits for it to be told. */
export const CANCELLABLE_RENEW_MS = 1_000;
/** Milliseconds by which a holder stops using a lease before the object gives it to someone else: clocks drift, calls end late. */
export const LEASE_MARGIN_MS = 1_000;
/** Milliseconds that a caller waits inside one call; then it asks again, so that one who went away is noticed. */
export const WAIT_CALL_MS = 5_000;
/** Milliseconds a place in the queue is kept when its call has ended and nothing more is heard. */
export const PLACE_KEEP_MS = 5_000;
/** Runs that wait for one group unless the endpoint says otherwise. */
export const DEFAULT_MAX_QUEUE = 100;
/** Bounds of the seconds in `Retry-After`: at once would be a busy loop, and past a minute nobody knows. */
const RETRY_AFTER_MIN_S = 1;
const RETRY_AFTER_MAX_S = 60;

const GroupSource = z
  .string()
  .max(10_000)
  .refine((source) => isComputed(source) || groupName(source) !== "too_long", {
    error: `a group's name has at most ${MAX_GROUP_CHARS} characters (MAX_GROUP_CHARS)`,
  })
  .describe(
    "The group's name, in any case; or an expression or template over `input` that yields it. No group when it is empty.",
  );

/** The setting `exclusion` of an endpoint. */
export const ExclusionSettings = z
  .union([
    GroupSource,
    z.strictObject({
      group: GroupSource,
      onBusy: z
        .enum(ON_BUSY)
        .default("reject")
        .describe(
          "A call that finds the group taken is refused with 409 (`reject`), waits its turn in order (`queue`), waits for the answer of the same flow's run and shares it (`attach`), or stops the run that holds the group and then takes its turn (`cancel`).",
        ),
      maxQueue: z
        .number()
        .int()
        .min(1)
        .max(MAX_GROUP_QUEUE)
        .optional()
        .describe(
          `Runs that may wait for the group; a call past that is refused. Default ${DEFAULT_MAX_QUEUE}.`,
        ),
      maxWait: durationSchema(MAX_TIMEOUT_MS)
        .optional()
        .describe(
          "How long a call waits for its turn before it is refused; its timeout bounds it in any case.",
        ),
    }),
  ])
  .describe(
    "Exclusion group: of all flows of the environment that name it, one runs at any time. A name alone means `onBusy: reject`.",
  );
export type ExclusionSettings = z.output<typeof ExclusionSettings>;

function isComputed(source: string): boolean {
  return source.startsWith("=") || source.includes("${");
}

/** A group's name as it is compared: trimmed and in lower case; `undefined` for none. */
export function groupName(text: string): string | undefined | "too_long" {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (trimmed.length > MAX_GROUP_CHARS) return "too_long";
  return trimmed.normalize("NFC").toLowerCase();
}

/** Which group: names belong to an environment. */
export interface GroupAddress {
  environmentId: number;
  /** `pool`: the connections of an integration, which have names of their own. */
  kind?: "group" | "pool";
  /** As `groupName` gives it. */
  name: string;
}

/** Name of the object behind a group. */
export function groupObjectName({ environmentId, kind = "group", name }: GroupAddress): string {
  return `e${environmentId}/${kind}/${name}`;
}

/** The run that holds a group, as a 409 names it. */
export interface Holder {
  runId: string;
  project: string;
  flow: string;
  /** Milliseconds since 1970. */
  since: number;
}

/** An answer that a holder leaves for those who attached to it. */
export interface SharedAnswer {
  status: number;
  headers: [string, string][];
  body: string | null;
}

/** Asks for a permit. The same run asking again, after a crash or a lost answer, gets the permit or the place that it had. */
export interface AcquireRequest {
  runId: string;
  project: string;
  flow: string;
  flowId: number;
  user: string;
  onBusy: OnBusy;
  /** Runs that may wait before this one is refused. */
  maxQueue: number;
  /** Milliseconds to wait inside the call; 0 asks for an answer at once. */
  waitMs: number;
  /** Milliseconds for which a place is kept after the call, until the run asks again. */
  keepMs: number;
  /** Runs that may be inside: 1 for a group, more for a pool of connections. */
  permits: number;
  /** The run whose answer this caller waits for, when it was told to in an earlier call. */
  following?: string | undefined;
  /** Name of the run shard to tell when the run's turn has come, for one that does not wait inside its call. */
  tell?: string | undefined;
}

/** The group that a durable run takes, as its shard keeps it. */
export interface RunExclusion {
  /** As `groupName` gives it. */
  group: string;
  onBusy: OnBusy;
  maxQueue: number;
  /** Milliseconds that it waits for its turn; `null`: as long as it takes. */
  maxWaitMs: number | null;
}

export type AcquireAnswer =
  | { kind: "granted"; since: number }
  | { kind: "refused"; holder: Holder; place: number; retryAfter: number }
  /** It has a place in the queue, from 1, and asks again. */
  | { kind: "queued"; holder: Holder; place: number; retryAfter: number }
  /** It waits for the holder's answer, and asks again. */
  | { kind: "following"; holder: Holder }
  | { kind: "attached"; runId: string; answer: SharedAnswer };

/** `cancel` and `lost` both mean: no further effect; after `cancel` the run still has to release. */
export type RenewAnswer = { kind: "held" } | { kind: "cancel" } | { kind: "lost" };

/** `unknown` when the run had neither permit nor place any more; releasing twice is no mistake. */
export type ReleaseAnswer = { kind: "released" } | { kind: "unknown" };

/** The object could not be asked, so nothing is decided: never reported as "refused". */
export interface Undecided {
  kind: "undecided";
  reason: string;
}

/**
 * Seconds after which another try makes sense.
 * @param typicalMs how long the last holders took, as far as it is known
 */
export function retryAfterSeconds(typicalMs: number | undefined, heldMs: number, place: number): number {
  const left = typicalMs === undefined ? 0 : typicalMs * place - heldMs;
  return Math.min(RETRY_AFTER_MAX_S, Math.max(RETRY_AFTER_MIN_S, Math.ceil(left / 1_000)));
}
