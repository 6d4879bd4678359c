import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/**
 * Three kinds of tests, one run:
 * - `unit`: pure code (domain, engine, nodes, operations on fake ports), in Node;
 * - `workerd`: whatever touches a binding, inside workerd with migrations applied;
 * - `bundle`: the built bundle in a real runtime, over HTTP (started by the test itself on a free loopback port).
 */
export default defineConfig(async () => ({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["test/{domain,engine,nodes,auth,operations,architecture,scripts}/**/*.test.ts"],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("./migrations"),
                ADMIN_TOKEN: "test-admin-token-0123456789abcdef0123456789abcdef",
                PHIXFLOW_API_KEY: "a test's signing secret, longer than 32 bytes",
                // How much the fuzzer sends; `npm run fuzz:http` sends more.
                FUZZ_REQUESTS: process.env.FUZZ_REQUESTS ?? "600",
                FUZZ_SEEDS: process.env.FUZZ_SEEDS ?? "1,2,3,4,5",
                MASTER_KEY: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
              },
            },
          }),
        ],
        test: {
          name: "workerd",
          include: ["test/{adapters,durable,http,surfaces,conformance,fuzz}/**/*.test.ts"],
          setupFiles: ["./test/support/apply-migrations.ts"],
        },
      },
      {
        test: {
          name: "bundle",
          environment: "node",
          include: ["test/{bundle,examples}/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
}));
