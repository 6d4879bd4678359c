import { z } from "zod";
import { SluiceError } from "./domain/errors";
import type { ExclusionGroup } from "./durable/exclusion-group";

/** Milliseconds for which an isolate trusts what it knows of the catalogue's state before it looks again. */
const DEFAULT_CATALOG_MAX_AGE_MS = 1_000;

/** Variables and secrets, as strings from the platform; parsed once per isolate. */
const Settings = z.object({
  /** First segment of the action API's URLs. */
  INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9._~-]+$/, "INSTANCE is one URL segment of letters, digits, . _ ~ -")
    .default("phixflow"),
  ADMIN_TOKEN: z.string().optional(),
  CATALOG_MAX_AGE_MS: z.coerce.number().int().nonnegative().default(DEFAULT_CATALOG_MAX_AGE_MS),
});
export type Settings = z.output<typeof Settings>;

/** What `wrangler.toml` binds. */
export interface Bindings {
  DB: D1Database;
  CATALOG: KVNamespace;
  HISTORY: Queue;
  ASSETS: Fetcher;
  EXCLUSION_GROUP: DurableObjectNamespace<ExclusionGroup>;
  INSTANCE?: string;
  ADMIN_TOKEN?: string;
  CATALOG_MAX_AGE_MS?: string;
}

/** @throws SluiceError not_configured, naming the variable that is wrong */
export function parseSettings(bindings: Bindings): Settings {
  const parsed = Settings.safeParse(bindings);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SluiceError(
    "not_configured",
    `The deployment's setting ${issue?.path.join(".")} is wrong: ${issue?.message}.`,
  );
}
