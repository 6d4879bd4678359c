import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { call } from "../support/worker";
import { Random } from "./support/random";
import { type FuzzedRequest, Learned, type OpenApi, operationsOf, RequestMaker } from "./support/requests";
import { Target } from "./support/target";

/*
 * Requests made by chance from the OpenAPI document, right ones and spoiled ones, to every operation that it describes.
 * Whatever is sent: no answer of 500 or more that is not documented, no hang, nothing of our inside in an answer, and
 * problem details for every refusal of the management API. `npm run fuzz:http` sends more; a seed repeats its requests.
 */

/** Requests of each seed. */
const REQUESTS = Number(env.FUZZ_REQUESTS);
const SEEDS = env.FUZZ_SEEDS.split(",").map(Number);
/** Milliseconds after which an answer counts as a hang; far more than any takes on a loaded machine. */
const HANG_MS = 30_000;
/** Requests after which whatever they removed is made again. */
const RENEW_EVERY = 150;
/** Lines of a stack, file names of ours, classes of errors, words of SQLite. */
const INSIDE =
  /\n\s+at |\bat [\w.<>]+ \(|\.ts:\d|\.js:\d|\b(?:Type|Range|Reference|Syntax)Error\b|\bError:|SQLITE_|D1_ERROR/;

let maker: RequestMaker;
const target = new Target();

beforeAll(async () => {
  const document = await call("/openapi.json").then((response) => response.json<OpenApi>());
  maker = new RequestMaker(operationsOf(document), document, new Learned());
  expect(await target.renew()).toBe(true);
});

/** What is wrong with the answer to a request, if anything is. */
async function faultOf(
  request: FuzzedRequest,
  address: string,
  seen: Map<string, number>,
): Promise<string | undefined> {
  const { operation, method, path, headers, body } = request;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hang = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), HANG_MS);
  });
  const answer = (async () => {
    const response = await call(path, {
      method,
      headers: { "cf-connecting-ip": address, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { response, text: await response.text() };
  })();
  const answered = await Promise.race([answer, hang]);
  clearTimeout(timer);
  if (answered === undefined) return "no answer";
  const { response, text } = answered;
  const { status } = response;
  maker.learned.from(operation, text);
  const what = `${operation.method} ${operation.path} ${status}`;
  seen.set(what, (seen.get(what) ?? 0) + 1);
  if (status >= 500 && !operation.statuses.includes(String(status))) return `${status} ${text.slice(0, 300)}`;
  if (status === 500) return text.slice(0, 300);
  if (status >= 400) {
    const inside = INSIDE.exec(text.replaceAll(/%20|\\n/g, " "));
    // What a caller sent may come back in the words of a refusal.
    if (inside !== null && !JSON.stringify(sentText(request)).includes(inside[0].trim())) {
      return `shows "${inside[0]}": ${text.slice(0, 300)}`;
    }
  }
  const isAdmin = new URL(path, "http://x").pathname.startsWith("/admin/v1/");
  const type = response.headers.get("content-type");
  if (isAdmin && status >= 400 && method !== "HEAD" && type !== "application/problem+json") {
    return `${status} as ${type}: ${text.slice(0, 300)}`;
  }
  return undefined;
}

function sentText({ path, headers, body }: FuzzedRequest): string {
  return `${path} ${JSON.stringify(headers)} ${body === undefined ? "" : new TextDecoder().decode(body)}`;
}

function shown({ method, path, headers, body }: FuzzedRequest): string {
  const sent = body === undefined ? "" : new TextDecoder().decode(body.slice(0, 1_500));
  const named = Object.entries(headers)
    .filter(([name]) => !/^(?:authorization|x-apikey|x-api-token|client_secret)$/.test(name))
    .map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path.slice(0, 600)}\n  ${named.join("; ").slice(0, 600)}\n  ${sent}`;
}

describe("whatever is sent", () => {
  test.each(SEEDS)(
    "is answered, without a fault of ours: seed %i",
    async (seed) => {
      const random = new Random(seed);
      const seen = new Map<string, number>();
      const faults = new Map<string, string>();
      for (let index = 0; index < REQUESTS; index += 1) {
        if (index % RENEW_EVERY === 0) await target.renew();
        const request = maker.make(random, await target.credentials(random));
        // Guesses of credentials are counted by address.
        const fault = await faultOf(request, `10.${seed % 250}.${index >> 8}.${index & 255}`, seen);
        if (fault === undefined) continue;
        const key = `${request.operation.method} ${request.operation.path} ${fault.slice(0, 40)}`;
        if (!faults.has(key)) faults.set(key, `#${index} ${fault}\n  ${shown(request)}`);
      }
      expect([...faults.values()].join("\n\n")).toBe("");
      const health = await call("/health");
      expect([health.status, await health.json()]).toEqual([200, { status: "ok" }]);
      // Chance must reach behind the first check: most operations, and many with success.
      const succeeded = [...seen].filter(([what]) => / [23]\d\d$/.test(what));
      const operations = new Set([...seen.keys()].map((what) => what.slice(0, -4)));
      expect(operations.size).toBeGreaterThan(maker.operations.length * 0.9);
      expect(new Set(succeeded.map(([what]) => what.slice(0, -4))).size).toBeGreaterThan(
        maker.operations.length * 0.4,
      );
    },
    900_000,
  );
});
