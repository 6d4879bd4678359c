import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { FlowAddress, FlowPointer } from "../domain/flow-address";
import { MAX_NAME_LENGTH } from "../domain/names";
import { after, type MaybePromise } from "../engine/maybe-promise";
import type { Plan } from "../engine/plan";
import type { Catalog, Trust } from "./ports";

/** An endpoint that was found and may be called. */
export interface Endpoint {
  environment: Environment;
  pointer: FlowPointer;
  plan: Plan;
  /** Whether it was named in the way of version 10. */
  deprecated: boolean;
}

/**
 * What a URL says of the endpoint that it wants, and what was found for it. Whoever keeps these for the next call lets go of them when the
 * catalog's generation changes, since they keep plans.
 */
export interface EndpointName {
  readonly host: string;
  readonly address: FlowAddress;
  found: { endpoint: Endpoint; trust: Trust } | undefined;
}

/** @throws SluiceError not_found for a name that no endpoint can have: nothing needs to be asked, or remembered, about it */
export function endpointName(host: string, address: FlowAddress): EndpointName {
  const names = address.kind === "named" ? [address.project, address.flow] : [address.segment];
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) {
    throw new SluiceError(
      "not_found",
      `There is no endpoint of such a name: names end at ${MAX_NAME_LENGTH} characters.`,
    );
  }
  return { host, address, found: undefined };
}

/**
 * Finds the endpoint that a URL names; at once where all of it is known in this isolate.
 * @param now milliseconds since 1970
 * @throws SluiceError not_found, ambiguous_name
 */
export function findEndpoint(catalog: Catalog, name: EndpointName, now: number): MaybePromise<Endpoint> {
  const { found } = name;
  if (found !== undefined) {
    const { generation, from, until } = found.trust;
    if (generation === catalog.generation && now >= from && now < until) return found.endpoint;
  }
  const before = catalog.generation;
  return after(catalog.environment(name.host), (environment) =>
    after(lookUp(catalog, environment, name.address), (endpoint) => {
      // What was published while it was looked up may be another one.
      const trust = catalog.generation === before ? catalog.trust(name.host, environment) : undefined;
      name.found = trust === undefined ? undefined : { endpoint, trust };
      return endpoint;
    }),
  );
}

function lookUp(catalog: Catalog, environment: Environment, address: FlowAddress): MaybePromise<Endpoint> {
  return after(catalog.resolve(environment, address), (resolution) => {
    if (resolution.kind === "ambiguous") {
      throw new SluiceError(
        "ambiguous_name",
        "Several projects have a flow of this name; call it by project and flow name.",
        { candidates: resolution.candidates },
      );
    }
    if (resolution.kind === "missing") throw noEndpoint(address);
    return after(catalog.plan(resolution.pointer), (plan) => {
      // An alias can be kept to those who know it; only of an open endpoint is it told.
      if (resolution.kind === "aliased" && plan.endpoint?.anonymous === true) {
        throw new SluiceError(
          "not_found",
          `This endpoint answers at its URL alias "${resolution.alias}" instead of at its name.`,
        );
      }
      if (resolution.kind === "aliased" || plan.endpoint === undefined) throw noEndpoint(address);
      return { environment, pointer: resolution.pointer, plan, deprecated: resolution.deprecated };
    });
  });
}

function noEndpoint(address: FlowAddress): SluiceError {
  const name =
    address.kind === "named"
      ? `flow "${address.flow}" in project "${address.project}"`
      : `"${address.segment}"`;
  return new SluiceError(
    "not_found",
    `There is no endpoint ${name}. Names are matched exactly, upper and lower case too.`,
  );
}
