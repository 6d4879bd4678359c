import type { Environment } from "../domain/environment";
import { type Problem, SluiceError } from "../domain/errors";
import { MAX_SECRETS } from "../domain/limits";
import { nearest } from "../domain/nearest";
import type { World } from "./ports";

/** What may be known of a secret: everything but its value. */
export interface SecretSummary {
  name: string;
  /** The master key that it is encrypted under. `unknown`: it cannot be read any more, and has to be set again. */
  encryptedUnder: "current" | "previous" | "unknown";
  createdAt: number;
  updatedAt: number;
  updatedBy: string;
}

/** Secrets of environments. Every method throws SluiceError not_configured without a master key. */
export interface SecretVault {
  list(environmentId: number, limit: number, after: string | undefined): Promise<SecretSummary[]>;
  find(environmentId: number, name: string): Promise<SecretSummary | undefined>;
  /** `full` when the environment has as many as it may. */
  put(
    environmentId: number,
    secret: { name: string; value: string; by: string; at: number },
  ): Promise<"created" | "changed" | "full">;
  remove(environmentId: number, name: string): Promise<boolean>;
  /** Encrypts what is still under the previous master key under the current one, in all environments. */
  reseal(): Promise<{ resealed: number; unreadable: number }>;
}

export interface SecretNames {
  /** Names of all secrets of an environment. */
  names(environmentId: number): Promise<ReadonlySet<string>>;
}

export interface SecretServices {
  vault: SecretVault;
  world: World;
}

const missing = (name: string): SluiceError =>
  new SluiceError("not_found", `There is no secret "${name}" in this environment.`);

/** Sets a secret's value, for good: nobody can read it again. */
export async function putSecret(
  { vault, world }: SecretServices,
  { id }: Environment,
  name: string,
  value: string,
  by: string,
): Promise<{ created: boolean; secret: SecretSummary }> {
  const done = await vault.put(id, { name, value, by, at: world.now() });
  if (done === "full") {
    throw new SluiceError("conflict", `An environment has at most ${MAX_SECRETS} secrets (MAX_SECRETS).`, {
      limit: "MAX_SECRETS",
    });
  }
  const secret = await vault.find(id, name);
  if (secret === undefined) throw missing(name);
  return { created: done === "created", secret };
}

export async function readSecret(
  { vault }: SecretServices,
  { id }: Environment,
  name: string,
): Promise<SecretSummary> {
  const secret = await vault.find(id, name);
  if (secret === undefined) throw missing(name);
  return secret;
}

export async function removeSecret(
  { vault }: SecretServices,
  { id }: Environment,
  name: string,
): Promise<void> {
  if (!(await vault.remove(id, name))) throw missing(name);
}

/** A secret that a bundle names, and where. */
export interface NamedSecret {
  name: string;
  /** JSON Pointer into the bundle. */
  path: string;
}

/** What is wrong with a bundle that is to be published: the secrets that it names and the environment does not have. */
export async function missingSecrets(
  secrets: SecretNames,
  environmentId: number,
  named: readonly NamedSecret[],
): Promise<Problem[]> {
  if (named.length === 0) return [];
  const present = await secrets.names(environmentId);
  return named
    .filter(({ name }) => !present.has(name))
    .map(({ name, path }) => {
      const closest = nearest(name, [...present]);
      return {
        path,
        reason: `there is no secret "${name}" in this environment; set it with PUT /admin/v1/secrets/${encodeURIComponent(name)}, or apply with publish=false`,
        ...(closest === undefined ? {} : { nearest: closest }),
      };
    });
}
