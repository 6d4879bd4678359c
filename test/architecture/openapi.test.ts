import { OpenAPIHono } from "@hono/zod-openapi";
import { expect, test } from "vitest";
import { describeAction } from "../../src/surfaces/action/openapi";
import { management } from "../../src/surfaces/management";
import { describeOAuth } from "../../src/surfaces/oauth/openapi";
import { describeV1 } from "../../src/surfaces/v1/openapi";

/** Each definition by itself, so that the one that no document can be made of is named. */
test("an OpenAPI document can be made of every route's schemas", () => {
  const all = new OpenAPIHono();
  describeAction(all.openAPIRegistry);
  describeV1(all.openAPIRegistry);
  describeOAuth(all.openAPIRegistry);
  const failed: string[] = [];
  for (const definition of [...management.openAPIRegistry.definitions, ...all.openAPIRegistry.definitions]) {
    if (definition.type !== "route") continue;
    const alone = new OpenAPIHono();
    alone.openAPIRegistry.registerPath(definition.route);
    try {
      alone.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Sluice", version: "1" } });
    } catch (error) {
      failed.push(`${definition.route.method} ${definition.route.path}: ${error}`);
    }
  }
  expect(failed).toEqual([]);
  expect(management.openAPIRegistry.definitions.length).toBeGreaterThan(10);
});
