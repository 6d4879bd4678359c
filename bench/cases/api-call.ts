import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { endpointUrl } from "../../scripts/lib/endpoint-url.mjs";
import type { Case } from "../harness/case.ts";
import { requestBytes } from "../harness/load.ts";
import { startWorld } from "../harness/world.ts";

const PROJECT = "call bench";
const ANSWER = JSON.stringify({ base: "EUR", rate: 1.25, valid: "2026-10-01" });

export const apiCall: Case = {
  key: "api_call",
  title: "an `api` node's call, against a bare `fetch` from a Worker",
  reach: 0.5,
  async prepare(options) {
    // The other side is in this process: it costs both sides the same, and workerd nothing.
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "application/json", "content-length": ANSWER.length });
      response.end(ANSWER);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const party = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const close = () => {
      server.closeAllConnections();
      server.close();
    };
    try {
      const world = await startWorld(options, "bare-call", undefined, [party]);
      const dispose = async () => {
        close();
        await world.dispose();
      };
      try {
        await world.admin.apply(bundle(`http://${party}`));
        const [ours, theirs] = [world.direct, world.bare!].map((base) =>
          endpointUrl(base, "phixflow", PROJECT, { flow: "rate" }),
        ) as [string, string];
        const body = JSON.stringify({ base: "EUR", party: `http://${party}` });
        for (const [side, url] of Object.entries({ "our side": ours, "the bare Worker": theirs })) {
          await check(side, url, body);
        }
        return {
          ours: { target: target(ours, body), runtime: world.runtime },
          theirs: { target: target(theirs, body), runtime: world.runtime },
          dispose,
        };
      } catch (error) {
        await dispose();
        throw error;
      }
    } catch (error) {
      close();
      throw error;
    }
  },
};

function target(url: string, body: string) {
  return requestBytes(url, "POST", { "Content-Type": "application/json" }, body);
}

function bundle(baseUrl: string) {
  return {
    sluice: 1,
    project: PROJECT,
    integrations: [
      {
        integration: "fx",
        baseUrl,
        headers: { accept: "application/json" },
        endpoints: { rate: { path: "/rates" } },
      },
    ],
    flows: [
      {
        flow: "rate",
        endpoint: { anonymous: true },
        input: { body: { base: "string", party: "string" } },
        start: "call",
        nodes: {
          call: {
            type: "api",
            call: "fx.rate",
            query: { base: "=input.json.base" },
            results: {
              "200": "answer",
              other: "failed",
              error: "failed",
              timeout: "failed",
              "max-connection": "failed",
            },
          },
          answer: { type: "respond", body: { rate: "=call.body.rate" } },
          failed: { type: "respond", statusCode: 502, body: { error: "=last.message" } },
        },
      },
    ],
  };
}

async function check(side: string, url: string, body: string): Promise<void> {
  const post = (text: string) =>
    fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: text });
  const right = await post(body);
  const answer = await right.text();
  if (right.status !== 200 || answer !== '{"rate":1.25}') {
    throw new Error(`${side} answered ${right.status} ${answer}`);
  }
  for (const wrong of ["{", "{}", '{"base":1,"party":"x"}']) {
    const { status } = await post(wrong);
    if (status !== 400) throw new Error(`${side} answered ${status} to ${wrong}`);
  }
}
