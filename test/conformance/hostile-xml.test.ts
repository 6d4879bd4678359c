import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  MAX_BODY_BYTES,
  MAX_XML_ATTRIBUTES,
  MAX_XML_DEPTH,
  MAX_XML_ELEMENTS,
  MAX_XML_NAME,
  MAX_XML_SECTIONS,
} from "../../src/domain/limits";
import { applyFlows, caller } from "../support/records";
import { faultOf, SOAP_11, sendEnvelope } from "../support/soap";
import { type V1Credentials, v1Credentials } from "../support/v1";
import { apply, post, returning, trigger } from "../support/worker";

/*
 * Documents made to hurt a reader of XML, sent to each place that reads it: SOAP, a body of the v1 API, a body of the
 * Action API, and the parse node. None is taken, nothing is fetched or stored, and the next call is answered. What passes a
 * limit is told which.
 */

vi.setConfig({ testTimeout: 60_000 });

let credentials: V1Credentials;
let client: ReturnType<typeof caller>;

beforeAll(async () => {
  credentials = await v1Credentials("hostile");
  client = caller(credentials);
  await applyFlows();
  await apply("hostile", [
    returning("taken", "=input.xml"),
    {
      flow: "parsed",
      endpoint: { anonymous: true },
      outputs: { out: "any" },
      start: "read",
      nodes: {
        read: { type: "parse", format: "xml", from: "=input.json.text", results: { ok: "out" } },
        out: { type: "output", to: "out" },
      },
    },
  ]);
});

/** A document around a content, and attributes of its root. */
type Around = (content: string, attributes?: string, prolog?: string) => string;
type Document = string | Uint8Array<ArrayBuffer>;

interface Answer {
  status: number;
  /** The text of the refusal. */
  message: string;
  /** What it names as the limit. */
  limit: string | undefined;
}

interface Reader {
  around: Around;
  /** `undefined` for a document that this reader cannot be given. */
  send: (document: Document) => Promise<Answer | undefined>;
  alive: () => Promise<void>;
}

const order: Around = (content, attributes = "", prolog = "") =>
  `${prolog}<order${attributes}>${content}</order>`;
const XML = { "content-type": "application/xml", accept: "application/json" };

const READERS: Record<string, Reader> = {
  SOAP: {
    around: (content, attributes = "", prolog = "") =>
      `${prolog}<s:Envelope xmlns:s="${SOAP_11}"${attributes}><s:Header>${content}</s:Header><s:Body/></s:Envelope>`,
    async send(document) {
      const { status, message, detail } = faultOf(await sendEnvelope(document));
      return { status, message, limit: (detail as Record<string, string | undefined>).limit };
    },
    async alive() {
      expect(faultOf(await sendEnvelope("<a/>")).message).toContain("Envelope");
    },
  },
  "v1 API": {
    around: order,
    async send(document) {
      const response = await client.call("POST", "/record", { ...XML, "x-flow": "work" }, document);
      const text = await response.text();
      const { error } = JSON.parse(text) as { error: { message: string; limit?: string } };
      expect(response.status, text.slice(0, 300)).toBeGreaterThanOrEqual(400);
      return { status: response.status, message: error.message, limit: error.limit };
    },
    async alive() {
      const { total } = await client.search({ "x-flow": "work" });
      expect(total).toBe(0);
    },
  },
  "Action API": {
    around: order,
    async send(document) {
      const response = await trigger("hostile/taken/trigger", {
        method: "POST",
        headers: XML,
        body: document,
      });
      const { message, ...more } = await response.json<{ message: string }>();
      return { status: response.status, message, limit: limitIn(message, more) };
    },
    async alive() {
      const response = await trigger("hostile/taken/trigger", { method: "POST", headers: XML, body: "<a/>" });
      expect(response.status).toBe(200);
    },
  },
  "parse node": {
    around: order,
    async send(document) {
      if (typeof document !== "string") return undefined;
      const response = await post("hostile/parsed/trigger", { text: document });
      const { message, ...more } = await response.json<{ message: string }>();
      return { status: response.status, message, limit: limitIn(message, more) };
    },
    async alive() {
      expect((await post("hostile/parsed/trigger", { text: "<a/>" })).status).toBe(200);
    },
  },
};

/** The limit that an answer tells, in words or in a field. */
function limitIn(...told: unknown[]): string | undefined {
  return /MAX_[A-Z_]+/.exec(JSON.stringify(told))?.[0];
}

const many = (count: number, each: (index: number) => string) =>
  Array.from({ length: count }, (_, at) => each(at));
const laughs = `<!DOCTYPE x [<!ENTITY a "ha">${[..."bcdefghij"].map((name, at) => `<!ENTITY ${name} "${`&${"abcdefghij"[at]};`.repeat(10)}">`).join("")}]>`;

function utf16(text: string, little: boolean, mark: boolean): Uint8Array<ArrayBuffer> {
  const whole = mark ? `\ufeff${text}` : text;
  const bytes = new Uint8Array(whole.length * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < whole.length; at += 1) view.setUint16(at * 2, whole.charCodeAt(at), little);
  return bytes;
}

/** What is refused, and the limit that is named when it is one of amount. */
const ATTACKS: [what: string, (around: Around) => Document, limit?: string, max?: number][] = [
  ["a billion laughs", (around) => around("&j;", "", laughs)],
  [
    "quadratic blow-up",
    (around) => around("&e;".repeat(10_000), "", `<!DOCTYPE x [<!ENTITY e "${"x".repeat(50_000)}">]>`),
  ],
  [
    "an external entity",
    (around) => around("&e;", "", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
  ],
  [
    "an entity over HTTP",
    (around) => around("&e;", "", '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:1/">]>'),
  ],
  [
    "a parameter entity",
    (around) => around("", "", '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>'),
  ],
  ["an external DTD", (around) => around("", "", '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">')],
  ["the smallest DTD", (around) => around("", "", "<!DOCTYPE x>")],
  ["a DTD behind a comment", (around) => around("", "", "<!-- --> <!DOCTYPE x>")],
  ["a DTD inside the root", (around) => around('<!DOCTYPE x [<!ENTITY e "y">]>&e;')],
  ["default attributes", (around) => around("", "", '<!DOCTYPE x [<!ATTLIST a b CDATA "c">]>')],
  ["an entity in an attribute", (around) => around('<a b="&e;"/>')],
  ["a reference to a NUL", (around) => around("&#0;")],
  ["a reference beyond Unicode", (around) => around("&#x110000;")],
  ["a reference to half a character", (around) => around("&#xD800;")],
  ["a declaration behind the root", (around) => around('<?xml version="1.0"?>')],
  ["a style sheet that never ends", (around) => around("<?xml-stylesheet ")],
  ["a CDATA section that never ends", (around) => around("<![CDATA[".repeat(10_000))],
  ["a declared UTF-7", (around) => around("+ADw-a/+AD4-", "", '<?xml version="1.0" encoding="UTF-7"?>')],
  ["a declared UTF-16", (around) => around("", "", '<?xml version="1.0" encoding="UTF-16"?>')],
  ["a declared UTF-32", (around) => around("", "", '<?xml version="1.0" encoding="UCS-4"?>')],
  ["UTF-16 with its mark", (around) => utf16(around("", "", "<!DOCTYPE x>"), true, true)],
  ["UTF-16 without one", (around) => utf16(around("", "", "<!DOCTYPE x>"), false, false)],
  ["overlong UTF-8", (around) => new Uint8Array([...new TextEncoder().encode(around("")), 0xc0, 0xbc])],
  [
    "20,000 levels",
    (around) => around(`${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}`),
    "MAX_XML_DEPTH",
    MAX_XML_DEPTH,
  ],
  [
    "100,000 attributes",
    (around) => around(`<a ${many(100_000, (at) => `b${at}="1"`).join(" ")}/>`),
    "MAX_XML_ATTRIBUTES",
    MAX_XML_ATTRIBUTES,
  ],
  [
    "100,000 attributes of the root",
    (around) => around("", ` ${many(100_000, (at) => `b${at}="1"`).join(" ")}`),
    "MAX_XML_ATTRIBUTES",
    MAX_XML_ATTRIBUTES,
  ],
  [
    "an element's name of a megabyte",
    (around) => around(`<${"a".repeat(1_000_000)}/>`),
    "MAX_XML_NAME",
    MAX_XML_NAME,
  ],
  [
    "an attribute's name of a megabyte",
    (around) => around(`<a ${"b".repeat(1_000_000)}="1"/>`),
    "MAX_XML_NAME",
    MAX_XML_NAME,
  ],
  [
    "a prefix of a megabyte",
    (around) => around("", ` xmlns:${"p".repeat(1_000_000)}="u"`),
    "MAX_XML_NAME",
    MAX_XML_NAME,
  ],
  ["200,000 elements", (around) => around("<a/>".repeat(200_000)), "MAX_XML_ELEMENTS", MAX_XML_ELEMENTS],
  ["a CDATA bomb", (around) => around("<![CDATA[x]]>".repeat(200_000)), "MAX_XML_SECTIONS", MAX_XML_SECTIONS],
  [
    "200,000 instructions",
    (around) => around("<?a b?>".repeat(200_000)),
    "MAX_XML_SECTIONS",
    MAX_XML_SECTIONS,
  ],
  [
    "200,000 comments",
    (around) => around("", "", "<!---->".repeat(200_000)),
    "MAX_XML_SECTIONS",
    MAX_XML_SECTIONS,
  ],
];

describe.each(Object.keys(READERS))("%s", (name) => {
  const { around, send, alive } = READERS[name] as Reader;

  it.each(ATTACKS)("refuses %s", async (_what, document, limit, max) => {
    const outgoing = vi.spyOn(globalThis, "fetch");
    const answer = await send(document(around));
    expect(outgoing).not.toHaveBeenCalled();
    outgoing.mockRestore();
    if (answer !== undefined) {
      expect(answer.status).toBe(400);
      expect(answer.message).toMatch(/^.{10,400}$/s);
      expect(answer.message).not.toMatch(/root:|\.(?:ts|js):\d+|node_modules/);
      expect(answer.limit).toBe(limit);
      if (max !== undefined) expect(answer.message).toContain(String(max));
    }
    await alive();
  });

  it("refuses what is larger than any body", async () => {
    const answer = await send(around(" ".repeat(MAX_BODY_BYTES)));
    expect(answer).toMatchObject({ status: 413, limit: "MAX_BODY_BYTES" });
    await alive();
  });
});

describe("XML that is answered", () => {
  it("is read again by the reader that wrote it, however long a name is", async () => {
    const long = "k".repeat(MAX_XML_NAME + 1);
    const data = { amount: 1, [long]: "v", ["n".repeat(MAX_XML_NAME)]: "w" };
    const uuid = await client.insert("work", data);
    const answered = await client.call("GET", "/record", { "x-uuid": uuid, accept: "application/xml" });
    const text = await answered.text();
    expect(text).toContain(`<item name="${long}">v</item>`);
    const [, record = ""] = /<data_record>(.*)<\/data_record>/s.exec(text) ?? [];
    const again = await client.call(
      "POST",
      "/record",
      { ...XML, "x-flow": "work" },
      `<order>${record}</order>`,
    );
    expect(again.status).toBe(201);
  });

  it.each([60, 95, 98, 99, 100, 150, 199])("of a record of %i levels is no fault of ours", async (levels) => {
    const deep = `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
    const inserted = await client.call(
      "POST",
      "/record",
      { "content-type": "application/json", "x-flow": "work" },
      deep,
    );
    expect(inserted.status).toBeLessThan(500);
    if (inserted.status !== 201) return;
    const { resource } = await inserted.json<{ resource: { data_record_id: string } }>();
    const read = await client.call("GET", "/record", {
      "x-uuid": resource.data_record_id,
      accept: "application/xml",
    });
    expect(read.status).toBeLessThan(500);
  });
});
