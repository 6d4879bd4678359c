import type { Principal } from "../../domain/principal";
import type { Catalog } from "../ports";
import { addressRate } from "./count-call";

/** Whoever calls what wants no credentials: a principal without rights, in the environment of the host name. */
export async function anonymousPrincipal(
  { catalog }: { catalog: Pick<Catalog, "environment"> },
  host: string,
  client: string,
): Promise<Principal> {
  const environment = await catalog.environment(host);
  return {
    kind: "anonymous",
    organizationId: environment.organizationId,
    environment,
    scopes: [],
    name: "anonymous",
    rate: addressRate(client),
  };
}
