import { ProjectTransfer } from "../../../../domain/environment-life";
import { deleteHostedProject, transferProject } from "../../../../operations/environments/transfer-project";
import { defineV1Route, type V1Route } from "../../route";
import { COMMON, checked, shown, standing } from "./call";
import { answer, moment } from "./wire";

/** Projects that environments host. */

const projectsRoute = defineV1Route({
  ...COMMON,
  method: "GET",
  path: "/v1/environment/{environment_id}/projects",
  summary: "Get the projects that an environment hosts",
  listIn: "data",
  async handle(call) {
    const environment = await standing(call);
    const projects = await call.services.environments.projects(environment.id);
    return answer(
      projects.map(({ id, name, version, createdAt, updatedAt }) => ({
        id: String(id),
        name,
        version,
        date_created: moment(createdAt),
        date_updated: moment(updatedAt),
      })),
    );
  },
});

const addProjectRoute = defineV1Route({
  ...COMMON,
  method: "POST",
  path: "/v1/environment/{environment_id}/project/{project_id}",
  summary: "Add a project to an environment, or update it",
  body: "data",
  async handle(call) {
    const { services, principal } = call;
    const target = await transferProject(services, await standing(call), {
      organizationId: principal.organizationId,
      projectId: call.path.project_id,
      transfer: checked(ProjectTransfer, call.body.value),
      by: principal.name,
    });
    return shown(call, target, true);
  },
});

const deleteProjectRoute = defineV1Route({
  ...COMMON,
  method: "DELETE",
  path: "/v1/environment/{environment_id}/project/{project_id}",
  summary: "Delete a project from an environment",
  async handle(call) {
    await deleteHostedProject(call.services, await standing(call), call.path.project_id, call.principal.name);
    return shown(call, await standing(call), true);
  },
});

export const hostedProjectRoutes: readonly V1Route[] = [projectsRoute, addProjectRoute, deleteProjectRoute];
