import jsonata from "jsonata";
import { compile } from "../../src/engine/expression";
import { CASES } from "./cases.ts";

/**
 * Runs one side of one case so many times. The caller holds the clock: inside a Worker it may stand still.
 * Each side's answer comes back too, so that the caller can see that all three do the same.
 */
export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const found = CASES.find(({ key }) => key === url.searchParams.get("case"));
    const times = Number(url.searchParams.get("times"));
    if (!found) return new Response("no such case", { status: 404 });
    const scope = found.scope();
    switch (url.searchParams.get("side")) {
      case "ours":
        return Response.json({ answer: ours(found.source, scope, times) ?? null });
      case "theirs":
        return Response.json({ answer: plain(found.plain, scope, times) ?? null });
      default:
        return Response.json({ answer: (await library(found.source, scope, times)) ?? null });
    }
  },
};

function ours(source: string, scope: Record<string, unknown>, times: number): unknown {
  const expression = compile(source);
  const evaluation = { meter: { fuel: Number.MAX_SAFE_INTEGER } };
  let answer: unknown;
  for (let i = 0; i < times; i++) answer = expression.evaluate(scope, evaluation);
  return answer;
}

function plain(work: (scope: never) => unknown, scope: Record<string, unknown>, times: number): unknown {
  let answer: unknown;
  for (let i = 0; i < times; i++) answer = work(scope as never);
  return answer;
}

async function library(source: string, scope: Record<string, unknown>, times: number): Promise<unknown> {
  const expression = jsonata(source);
  let answer: unknown;
  for (let i = 0; i < times; i++) answer = await expression.evaluate(scope);
  return answer;
}
