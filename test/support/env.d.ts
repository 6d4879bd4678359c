import type { D1Migration } from "@cloudflare/vitest-plugin";
import type { Bindings } from "../../src/bindings";

declare global {
  namespace Cloudflare {
    /** What tests in workerd find in `env`: the Worker's bindings, and the migrations to apply to its database. */
    interface Env extends Bindings {
      TEST_MIGRATIONS: D1Migration[];
      ADMIN_TOKEN: string;
      PHIXFLOW_API_KEY: string;
      FUZZ_REQUESTS: string;
      FUZZ_SEEDS: string;
    }
    interface GlobalProps {
      mainModule: typeof import("../../src/index");
    }
  }
}
