import { describe, expect, test } from "vitest";
import { noNames } from "../../src/engine/plan";
import { HttpRunInput } from "../../src/operations/run-input";

/** Requests whose bodies are taken whatever they are, now and when they are taken out of the store again. */

async function viewOf(contentType: string, body: string | Uint8Array) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const headers = new Headers(contentType === "" ? {} : { "content-type": contentType });
  const input = await HttpRunInput.loose(
    {
      method: "POST",
      url: "http://host/x",
      query: new URLSearchParams(),
      headers,
      client: "",
      signal: new AbortController().signal,
    },
    bytes,
  );
  const restored = HttpRunInput.restore(JSON.parse(JSON.stringify(input.store())));
  const names = { ...noNames(), all: true };
  input.need(names);
  restored.need(names);
  expect(restored.view).toEqual(input.view);
  return input.view;
}

describe("a body", () => {
  test("that is what its content type says has its parsed view", async () => {
    expect(await viewOf("application/json", '{"a":[1]}')).toMatchObject({ json: { a: [1] } });
    expect(await viewOf("application/json", "7")).toMatchObject({ json: 7 });
    expect(await viewOf("application/xml", "<a><b>1</b></a>")).toMatchObject({ xml: { a: { b: "1" } } });
    expect(await viewOf("application/x-www-form-urlencoded", "a=1&b=2")).toMatchObject({
      form: { a: "1", b: "2" },
    });
    const parts = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n';
    expect(await viewOf("multipart/form-data; boundary=x", parts)).toMatchObject({ form: { a: "1" } });
  });

  test.each([
    ["application/json", '{"a":'],
    ["application/xml", "<a>"],
    ["application/xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ["multipart/form-data; boundary=x", "--x\r\n"],
    ["multipart/form-data", "x"],
    ["nonsense", "x"],
    ["", "x"],
  ])("of %j that is %j is text without one", async (contentType, body) => {
    const view = await viewOf(contentType, body);
    expect(view).toMatchObject({ body, contentType });
    expect([view.json, view.xml, view.form]).toEqual([undefined, undefined, undefined]);
  });

  test("that is no text comes as base64", async () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256);
    expect((await viewOf("application/octet-stream", bytes)).body).toBe(
      Buffer.from(bytes).toString("base64"),
    );
    expect((await viewOf("text/plain; charset=klingon", "Qapla'")).body).toBe(btoa("Qapla'"));
    expect((await viewOf("text/plain; charset=iso-8859-1", Uint8Array.of(0xe4))).body).toBe("ä");
  });
});
