import { FormatError } from "../../domain/format-error";
import { CALL_MARGIN_MS } from "../../domain/limits";
import type { PoolAnswer } from "../outgoing-port";
import type { RunContext } from "../run-context";
import { type CallLine, callLine } from "./call-line";
import { type Exchange, exchange } from "./exchange";
import { firstPage, nextPage, pageItems, withItems } from "./paging";
import type { BuiltCall, CallAnswer, CallOutcome, Paging } from "./prepared-call";
import { readAnswer } from "./read-answer";
import { isRetried, retryAfterMs, retryWait } from "./retry";

/*
 * Invariants:
 * 1. A call takes no longer than its own limit for each try, and no longer than the run has left but for a margin in
 *    which the flow can still answer.
 * 2. When the run stops, what is under way is aborted, and its connection closed.
 * 3. Every try of a call carries the same idempotency key.
 */

/** What a call came to, with what the run's messages say of it. JSON, so that it can be stored with its step. */
export interface PerformedCall {
  outcome: CallOutcome;
  line?: CallLine;
}

/** Who makes the call, for its place in the integration's pool. */
export interface Caller {
  /** Path of the node, for numbers from chance. */
  path: string;
  record: number | undefined;
}

/** One page of a call as it was tried at last. */
interface Tried {
  outcome: CallOutcome;
  /** Present when there was an answer. */
  answered?: Exchange & { kind: "answered" };
  tries: number;
}

/** Makes a call with its retries and its pages. Rejects only when the run stops. */
export async function performCall(
  run: RunContext,
  built: BuiltCall,
  idempotencyKey: string,
  caller: Caller,
): Promise<PerformedCall> {
  const { call } = built;
  const startedAt = run.host.now();
  const page: BuiltCall = { ...built, url: firstPage(call, built.url) };
  const first = await tryUntilDone(run, page, call.responseLimit, idempotencyKey, caller);
  const whole =
    call.paging === undefined
      ? first
      : await otherPages(run, page, call.paging, first, idempotencyKey, caller);
  // Secrets that come back are no more to be seen than those that went out.
  const outcome = run.masked(whole.outcome);
  if (call.log === "none") return { outcome };
  const tookMs = run.host.now() - startedAt;
  return { outcome, line: callLine(run, page, outcome, whole.answered, whole.tries, tookMs) };
}

/**
 * Said of a call that was under way when its run was interrupted, and that is not repeated. It may have been received or
 * not; to say either would be a guess.
 */
export function interruptedCall({ call, method }: BuiltCall): PerformedCall {
  const message = `${call.name} was under way when the run was interrupted: whether it was received is not known, and a ${method} without an idempotency key is not repeated`;
  const outcome = failed("call_interrupted", message);
  return call.log === "none" ? { outcome } : { outcome, line: { level: "warning", text: message } };
}

async function otherPages(
  run: RunContext,
  built: BuiltCall,
  paging: Paging,
  first: Tried,
  idempotencyKey: string,
  caller: Caller,
): Promise<Tried> {
  const { call } = built;
  const beginning = first.outcome.answer;
  if (beginning === undefined || beginning.status < 200 || beginning.status > 299) return first;
  const list = pageItems(paging, beginning.body);
  if (list === undefined) {
    const at = paging.items.length === 0 ? "is no list" : `has no list at "${paging.items.join(".")}"`;
    return { ...first, outcome: failed("paging", `the answer of ${call.name} ${at} (paging.items)`) };
  }
  const items = [...list];
  let last: Tried = first;
  let lastItems = list.length;
  let bytes = first.answered?.body.length ?? 0;
  let pages = 1;
  let complete = false;
  let tries = first.tries;
  for (let url = built.url; ; pages += 1) {
    const next = nextPage(call, url, last.outcome.answer as CallAnswer, pages - 1, lastItems, items.length);
    if (next === "elsewhere") {
      const message = `${call.name} links its next page on a host that is neither the integration's nor one of its \`hosts\``;
      return { ...last, outcome: failed("paging", message), tries };
    }
    if (next === undefined) {
      complete = true;
      break;
    }
    if (pages >= paging.max) break;
    url = next;
    last = await tryUntilDone(
      run,
      { ...built, url },
      call.responseLimit - bytes,
      `${idempotencyKey}-${pages}`,
      caller,
    );
    tries += last.tries;
    const { answer } = last.outcome;
    if (answer === undefined || answer.status < 200 || answer.status > 299) return { ...last, tries };
    const more = pageItems(paging, answer.body);
    if (more === undefined)
      return { ...last, outcome: failed("paging", `page ${pages + 1} of ${call.name} has no list`), tries };
    for (const item of more) items.push(item);
    lastItems = more.length;
    bytes += last.answered?.body.length ?? 0;
  }
  const answer = { ...beginning, body: withItems(paging, beginning.body, items), pages, complete };
  return { ...first, outcome: { ...first.outcome, answer }, tries };
}

async function tryUntilDone(
  run: RunContext,
  built: BuiltCall,
  responseLimit: number,
  idempotencyKey: string,
  caller: Caller,
): Promise<Tried> {
  const { retry } = built.call;
  for (let tries = 1; ; tries += 1) {
    const tried = await run.calls.inTurn(() => tryOnce(run, built, responseLimit, idempotencyKey));
    run.check();
    const done: Tried = { ...tried, tries };
    if (retry === undefined || tries > retry.max || !isRetried(retry, tried.outcome.result)) return done;
    const asked =
      tried.answered === undefined ? undefined : retryAfterMs(tried.answered.headers, run.host.now());
    const wait = retryWait(retry, tries, run.host.random(caller.path, caller.record), asked);
    // A wait that leaves no time to call would only make the answer late.
    if (wait === undefined || wait >= timeLeft(run)) return done;
    await run.host.sleep(wait, run.signal);
  }
}

/** Milliseconds of the run's time that a call may take, so that the flow can still answer. */
export function timeLeft(run: RunContext): number {
  const { remaining } = run;
  return remaining - Math.min(CALL_MARGIN_MS, remaining / 10);
}

async function tryOnce(
  run: RunContext,
  built: BuiltCall,
  responseLimit: number,
  idempotencyKey: string,
): Promise<Omit<Tried, "tries">> {
  const { call } = built;
  run.check();
  const left = Math.floor(timeLeft(run));
  const limit = Math.min(call.timeoutMs, left);
  const cut = { outcome: timedOut(call.name, limit, limit < call.timeoutMs) };
  if (limit <= 0) return cut;
  const { pool } = call;
  const ended = await within<Exchange | "busy">(run, limit, (signal) =>
    pool === undefined
      ? exchange(run, built, responseLimit, idempotencyKey, signal)
      : inPool(pool, run, built, responseLimit, idempotencyKey, signal),
  );
  if (ended === CUT) return cut;
  if (ended === "busy") {
    const message = `the integration "${call.integration}" has no free connection (maxConnections: ${call.pool?.size})`;
    return { outcome: { result: "max-connection", failure: { code: "max_connection", message } } };
  }
  if (ended.kind === "error") return { outcome: failed(ended.code, ended.message) };
  try {
    return { outcome: { result: String(ended.status), answer: readAnswer(call, ended) }, answered: ended };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { outcome: failed("format_error", error.message), answered: ended };
  }
}

function timedOut(name: string, limit: number, byRun: boolean): CallOutcome {
  const why = byRun ? "which is what the run has left" : "its timeout";
  const message =
    limit <= 0
      ? `${name} was not called: the run has no time left`
      : `${name} did not answer within ${limit} ms, ${why}`;
  return { result: "timeout", failure: { code: "timeout", message } };
}

function failed(code: string, message: string): CallOutcome {
  return { result: "error", failure: { code, message } };
}

type Pool = NonNullable<BuiltCall["call"]["pool"]>;

/** Makes the call on a connection of its integration's pool. */
async function inPool(
  pool: Pool,
  run: RunContext,
  built: BuiltCall,
  responseLimit: number,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Exchange | "busy"> {
  const { integration } = built.call;
  const { key } = run;
  const taken: PoolAnswer = await run.host.services.outgoing.connect(
    { environmentId: run.environmentId, project: key.project, integration, ...pool },
    {
      id: `${run.id}/${crypto.randomUUID()}`,
      project: key.project,
      flow: key.flow,
      flowId: key.flowId,
      user: run.user,
    },
    signal,
  );
  if (taken.kind === "busy") return "busy";
  if (taken.kind === "undecided") {
    return {
      kind: "error",
      code: "pool_unavailable",
      message: `the connection pool of "${integration}" does not answer`,
    };
  }
  try {
    return await exchange(run, built, responseLimit, idempotencyKey, signal);
  } finally {
    taken.release();
  }
}

/** What a call comes to whose time is over. */
const CUT = Symbol("cut");

/** What `act` gives, or `CUT` when its time is over. Rejects when the run stops. */
function within<T>(
  run: RunContext,
  ms: number,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T | typeof CUT> {
  const controller = new AbortController();
  return new Promise<T | typeof CUT>((resolve, reject) => {
    const cancel = run.host.timer(ms, () => {
      forget();
      resolve(CUT);
      controller.abort(CUT);
    });
    const forget = run.onStop((reason) => {
      cancel();
      reject(reason);
      controller.abort(reason);
    });
    if (controller.signal.aborted) return;
    act(controller.signal).then(
      (value) => {
        cancel();
        forget();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        forget();
        reject(error);
      },
    );
  });
}
