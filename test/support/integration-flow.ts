import { IntegrationDefinition } from "../../src/domain/integration";
import { throughFlow } from "./trial";

/*
 * Flows whose node calls an endpoint of the integration `fx`.
 *
 *   call ─┬ 200 ▶ out
 *         └ other, error, timeout, max-connection ▶ bad
 */

export const RESULTS = { "200": "out", other: "bad", error: "bad", timeout: "bad", "max-connection": "bad" };

/** What a version keeps of the integration; `more` are settings of it. */
export const uses = (more: object = {}) => ({
  uses: {
    integration: {
      fx: IntegrationDefinition.parse({
        integration: "fx",
        baseUrl: "https://api.example.com/v2",
        endpoints: {
          list: { path: "/list" },
          head: { path: "/list", method: "HEAD" },
          order: { path: "/orders", method: "POST" },
        },
        ...more,
      }),
    },
  },
});

/** The flow, with settings of its node. */
export const calling = (node: object = {}) =>
  throughFlow({ call: { type: "api", call: "fx.list", results: RESULTS, ...node } });
