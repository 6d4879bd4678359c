import { env } from "cloudflare:workers";
import { servicesOf } from "../../src/services";
import { answerV1Call } from "../../src/surfaces/v1";
import type { V1Route } from "../../src/surfaces/v1/route";
import { V1Router } from "../../src/surfaces/v1/router";
import { ORIGIN } from "./worker";

/** The v1 frame with routes of a test's own. */
export function frame(routes: readonly V1Route[]) {
  const router = new V1Router(routes);
  return (path: string, init: RequestInit = {}): Promise<Response> =>
    answerV1Call(
      new Request(path.startsWith("http") ? path : `${ORIGIN}/v1${path}`, init),
      servicesOf(env),
      router,
    );
}
