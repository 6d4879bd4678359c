import { UrlMappings, UrlRemovals } from "../../../../domain/environment-life";
import type { StoredEnvironment } from "../../../../operations/environments/ports";
import { listMappings, putMappings, removeMappings } from "../../../../operations/environments/url-mappings";
import { bare, defineV1Route, type V1Answer, type V1Call, type V1Route } from "../../route";
import { COMMON, checked, standing } from "./call";
import { moment } from "./wire";

/** Which URLs of an environment show which websites and hosted pages. */

async function mapped(call: V1Call, environment: StoredEnvironment): Promise<V1Answer> {
  const mappings = await listMappings(call.services, environment);
  return bare({
    data: {
      urls_mapped: mappings.map(({ url, projectId, name, type, createdAt, updatedAt }) => ({
        url,
        project_id: projectId,
        name,
        type,
        date_created: moment(createdAt),
        date_updated: moment(updatedAt),
      })),
    },
    code: 200,
  });
}

const urlsRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}/urls",
  summary: "Get the URLs that are mapped to websites and hosted pages",
  handle: async (call) => mapped(call, await standing(call)),
});

const mapRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/urls",
  summary: "Map URLs to websites and hosted pages",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    await putMappings(call.services, environment, checked(UrlMappings, call.body.value));
    return mapped(call, environment);
  },
});

const unmapRoute = defineV1Route({
  ...COMMON,
  method: "DELETE",
  path: "/v1/environment/{environment_id}/urls",
  summary: "Delete mappings of URLs",
  body: "data",
  bodyRequired: true,
  async handle(call) {
    const environment = await standing(call);
    await removeMappings(call.services, environment, checked(UrlRemovals, call.body.value));
    return mapped(call, environment);
  },
});

export const urlRoutes: readonly V1Route[] = [urlsRoute, mapRoute, unmapRoute];
