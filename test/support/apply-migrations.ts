import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";

/** Runs before every file of the project "workerd": its storage is its own, and starts empty. */
await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
