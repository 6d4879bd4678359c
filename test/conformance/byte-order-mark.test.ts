import { beforeAll, describe, expect, it } from "vitest";
import { eventToken } from "../support/event-token";
import { issueApiKey, v1 } from "../support/v1";
import { admin, apply, call, returning, trigger } from "../support/worker";

/*
 * A byte order mark before JSON (U+FEFF, the bytes EF BB BF). RFC 8259, 8.1: nobody may send one, and who reads may ignore
 * it. No API does: each refuses it in the same words, and takes the same body without it.
 */

const MARK = "\ufeff";
const json = { "content-type": "application/json" };

let keyed: Record<string, string>;

beforeAll(async () => {
  await apply("marked", [returning("echo", "=input.json")]);
  await admin("PUT", "/projects/marks", {
    flows: [],
    tables: [{ table: "marks", columns: { a: "integer" } }],
    keystores: [{ keystore: "marks" }],
    events: [{ event: "nobody.listens" }],
  });
  keyed = { "x-apikey": await issueApiKey(), ...json };
});

const SENT: [api: string, send: (mark: string) => Promise<Response> | Response][] = [
  [
    "the action API",
    (mark) => trigger("marked/echo/trigger", { method: "POST", headers: json, body: `${mark}{}` }),
  ],
  ["tables", (mark) => v1("POST", "/tables/marks", keyed, `${mark}{"a":1}`)],
  ["searches", (mark) => v1("POST", "/tables/marks/search", keyed, `${mark}{}`)],
  ["keystores", (mark) => v1("PUT", "/keystore/marks/key", keyed, `${mark}{"a":1}`)],
  [
    "the event API",
    async (mark) =>
      call("/workflow/run", {
        method: "POST",
        headers: { "x-api-token": await eventToken("source"), ...json },
        body: `${mark}{"eventHandle":"nobody.listens","params":[],"objects":{}}`,
      }),
  ],
  ["bundles", (mark) => admin("PUT", "/projects/marks-too", `${mark}{"flows":[]}`, json)],
  [
    "the management API",
    (mark) => admin("PUT", "/projects/marked/flows/echo/status", `${mark}{"status":"running"}`, json),
  ],
];

describe("a byte order mark", () => {
  it.each(SENT)("is refused by %s", async (_api, send) => {
    const refused = await send(MARK);
    const text = await refused.text();
    expect([refused.status, text]).toEqual([
      400,
      expect.stringContaining("byte order mark; send it without"),
    ]);
    const taken = await send("");
    expect([taken.ok, await taken.text()]).toEqual([true, expect.any(String)]);
  });

  it("is refused before a secret, without a word of it", async () => {
    const put = (mark: string) => admin("PUT", "/secrets/marked", `${mark}{"value":"hidden-1"}`, json);
    const refused = await put(MARK);
    expect([refused.status, await refused.text()]).toEqual([400, expect.not.stringContaining("hidden-1")]);
    expect((await put("")).ok).toBe(true);
  });

  it("inside of a text is a character like any other", async () => {
    const answer = await trigger("marked/echo/trigger", {
      method: "POST",
      headers: json,
      body: JSON.stringify({ a: `${MARK}b` }),
    });
    expect(await answer.text()).toContain(`${MARK}b`);
  });
});
