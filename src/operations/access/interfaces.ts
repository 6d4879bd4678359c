import { credentialHash, newClientId, newCredential } from "../../domain/credential";
import type { Environment } from "../../domain/environment";
import { SluiceError } from "../../domain/errors";
import type { InterfaceDefinition } from "../../domain/interface";
import type { Resource } from "../../domain/resource";
import type { MaybePromise } from "../../engine/maybe-promise";
import type { TokenServices } from "./tokens";

/** An interface's credentials without what is secret about them. */
export interface InterfaceCredentials {
  clientId: string;
  createdAt: number;
  rotatedAt: number;
}

/** Credentials of interfaces, as hashes. */
export interface CredentialStore {
  find(environmentId: number, name: string): Promise<InterfaceCredentials | undefined>;
  /** All of an environment, by interface. */
  all(environmentId: number): Promise<ReadonlyMap<string, InterfaceCredentials>>;
  /** Sets what is given; the client id stays what it was first. */
  put(
    environmentId: number,
    name: string,
    change: {
      clientId: string;
      clientSecretHash: string | undefined;
      appKeyHash: string | undefined;
      by: string;
      now: number;
    },
  ): Promise<InterfaceCredentials>;
  remove(environmentId: number, name: string): Promise<InterfaceCredentials | undefined>;
}

export interface InterfaceServices extends TokenServices {
  credentials: CredentialStore;
  access: TokenServices["access"] & { forget(): void };
  catalog: {
    resource(
      environmentId: number,
      kind: "interface",
      name: string,
    ): MaybePromise<Resource<"interface"> | undefined>;
    resources(environmentId: number, kind: "interface"): MaybePromise<readonly Resource<"interface">[]>;
  };
}

export interface InterfaceView {
  definition: InterfaceDefinition;
  project: string;
  credentials: InterfaceCredentials | undefined;
}

export async function listInterfaces(
  services: InterfaceServices,
  environment: Environment,
): Promise<InterfaceView[]> {
  const [declared, credentials] = await Promise.all([
    services.catalog.resources(environment.id, "interface"),
    services.credentials.all(environment.id),
  ]);
  return declared.map(({ definition, project, name }) => ({
    definition,
    project,
    credentials: credentials.get(name),
  }));
}

export async function readInterface(
  services: InterfaceServices,
  environment: Environment,
  name: string,
): Promise<InterfaceView> {
  const declared = await services.catalog.resource(environment.id, "interface", name);
  if (declared === undefined) {
    throw new SluiceError("not_found", `There is no interface ${JSON.stringify(name)} in this environment.`);
  }
  return {
    definition: declared.definition,
    project: declared.project,
    credentials: await services.credentials.find(environment.id, name),
  };
}

/** What of an interface's credentials can be made anew. */
export const ROTATABLE = ["client_secret", "app_key"] as const;
export type Rotatable = (typeof ROTATABLE)[number];

/** Credentials as they are shown, once: only those that were made now. */
export interface IssuedCredentials extends InterfaceCredentials {
  clientSecret?: string;
  appKey?: string;
}

/**
 * Gives an interface its credentials, or makes some of them anew; the old ones end at once, and with the client secret all
 * tokens that were given for it.
 * @param which ignored when there are none yet: then all are made
 */
export async function issueCredentials(
  services: InterfaceServices,
  environment: Environment,
  name: string,
  which: readonly Rotatable[],
  by: string,
): Promise<IssuedCredentials> {
  const { credentials: present } = await readInterface(services, environment, name);
  const wanted = new Set<Rotatable>(present === undefined ? ROTATABLE : which);
  const clientSecret = wanted.has("client_secret") ? newCredential() : undefined;
  const appKey = wanted.has("app_key") ? newCredential() : undefined;
  const put = await services.credentials.put(environment.id, name, {
    clientId: present?.clientId ?? newClientId(),
    clientSecretHash: clientSecret === undefined ? undefined : await credentialHash(clientSecret),
    appKeyHash: appKey === undefined ? undefined : await credentialHash(appKey),
    by,
    now: services.world.now(),
  });
  if (clientSecret !== undefined) await services.tokens.removeClient(put.clientId);
  services.access.forget();
  return {
    ...put,
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(appKey === undefined ? {} : { appKey }),
  };
}

/** Takes an interface's credentials and tokens away. It stays declared, and can be given new ones. */
export async function revokeCredentials(
  services: InterfaceServices,
  environment: Environment,
  name: string,
): Promise<void> {
  await readInterface(services, environment, name);
  const removed = await services.credentials.remove(environment.id, name);
  if (removed === undefined) {
    throw new SluiceError("not_found", `The interface ${JSON.stringify(name)} has no credentials.`);
  }
  await services.tokens.removeClient(removed.clientId);
  services.access.forget();
}
