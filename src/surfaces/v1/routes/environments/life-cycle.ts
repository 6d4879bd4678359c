import { EnvironmentChange, EnvironmentOrder, EnvironmentUpgrade } from "../../../../domain/environment-life";
import { SluiceError } from "../../../../domain/errors";
import type { Json, JsonObject } from "../../../../domain/json";
import {
  type CertificateFiles,
  createEnvironment,
  deleteEnvironment,
  listEnvironments,
  optimizeEnvironment,
  requireEnvironment,
  updateEnvironment,
  updateVersion,
  upgradeEnvironment,
} from "../../../../operations/environments/environments";
import { defineV1Route, type V1Route } from "../../route";
import { COMMON, checked, shown, standing } from "./call";
import { answer, environmentOnWire, failureOnWire } from "./wire";

/** Environments themselves: what they are, and what they become. */

const listRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment",
  summary: "Get the environments of the organization",
  listIn: "data",
  async handle(call) {
    const environments = await listEnvironments(call.services, call.principal.organizationId);
    return answer(environments.map((each) => environmentOnWire(each, call)));
  },
});

const readRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}",
  summary: "Get an environment by its id",
  handle: async (call) => shown(call, await standing(call), true),
});

const statusRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}/status",
  summary: "Get the status of an environment",
  async handle(call) {
    const environment = await requireEnvironment(
      call.services,
      call.principal.organizationId,
      call.path.environment_id,
    );
    if (environment.pending !== null) await call.services.environmentWorkers.wake(environment.id);
    return answer({ id: String(environment.id), status: environment.status, ...failureOnWire(environment) });
  },
});

const createRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment",
  summary: "Create an environment",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const order = checked(EnvironmentOrder, call.body.value);
    const created = await createEnvironment(call.services, call.principal.organizationId, order);
    return shown(call, created, false, 201);
  },
});

const updateRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}",
  summary: "Update an environment's name, description and certificate",
  body: "data",
  accepts: ["multipart", "form", "json", "xml"],
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    const change = checked(EnvironmentChange, call.body.value);
    const files = certificateFiles(call.body.value as JsonObject);
    await updateEnvironment(call.services, environment, change, files);
    return shown(call, await standing(call), true);
  },
});

/** Files of a form come as objects with their text; other bodies may have the PEM text itself. */
function certificateFiles(body: JsonObject): CertificateFiles {
  return {
    pem: texts(body.pem_file, "pem_file")[0],
    privateKey: texts(body.private_key_file, "private_key_file")[0],
    certificate: texts(body.certificate_file, "certificate_file")[0],
    chain: [...texts(body.chain_files, "chain_files"), ...texts(body["chain_files[]"], "chain_files")],
  };
}

function texts(value: Json | undefined, field: string): string[] {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return value.flatMap((each) => texts(each, field));
  if (typeof value === "string") return [value];
  if (typeof value === "object" && typeof value.text === "string")
    return value.size === 0 ? [] : [value.text];
  const reason = "the file is no text; send PEM";
  throw new SluiceError("invalid_request", `${field}: ${reason}.`, { problems: [{ path: field, reason }] });
}

const upgradeRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/upgrade",
  summary: "Upgrade an environment's package, or add storage",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    const upgrade = checked(EnvironmentUpgrade, call.body.value);
    return shown(call, await upgradeEnvironment(call.services, environment, upgrade), false);
  },
});

const versionRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/update-version",
  summary: "Update an environment to the latest version",
  handle: async (call) => shown(call, await updateVersion(call.services, await standing(call)), false),
});

const optimizeRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/optimize",
  summary: "Optimize the storage of an environment",
  handle: async (call) => shown(call, await optimizeEnvironment(call.services, await standing(call)), false),
});

const deleteRoute = defineV1Route({
  ...COMMON,
  method: "DELETE",
  path: "/v1/environment/{environment_id}",
  summary: "Delete an environment",
  handle: async (call) => shown(call, await deleteEnvironment(call.services, await standing(call)), false),
});

export const lifeCycleRoutes: readonly V1Route[] = [
  listRoute,
  createRoute,
  readRoute,
  updateRoute,
  deleteRoute,
  statusRoute,
  upgradeRoute,
  versionRoute,
  optimizeRoute,
];
