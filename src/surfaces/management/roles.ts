import { createRoute, z } from "@hono/zod-openapi";
import { addRole, changeRole, readRole, removeRole } from "../../operations/accounts";
import type { Role } from "../../operations/identity-ports";
import { NewRoleBody, RoleChangeBody, RoleList, RoleParams, RoleView } from "./account-schemas";
import { readJson, readQuery } from "./request";
import { body, guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Page } from "./schemas";

/** Roles of the organization: sets of privileges, which groups give to their users. */
export const roles = newRouter();
const tags = ["Groups and roles"];
const noRole = problem("There is no such role.");

const roleOnWire = ({ createdAt, updatedAt, ...role }: Role) => ({
  ...role,
  createdAt: time(createdAt),
  updatedAt: time(updatedAt),
});

roles.openapi(
  createRoute({
    method: "get",
    path: "/roles",
    operationId: "listRoles",
    summary: "List roles, by name",
    tags,
    security,
    request: { query: z.strictObject(Page) },
    responses: { 200: json(RoleList, "A page of roles."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const { organizationId } = context.get("environment");
    const rows = await context.get("management").directory.roles(organizationId, limit + 1, cursor);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.name ?? null) : null;
    return context.json({ roles: page.map(roleOnWire), next }, 200);
  },
);

roles.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/roles",
    operationId: "createRole",
    summary: "Make a role",
    tags,
    security,
    request: { query: NoQuery, body: body(NewRoleBody) },
    responses: { 201: json(RoleView, "The role."), ...guarded, 409: problem("The name is taken.") },
  }),
);
roles.post("/roles", async (context) => {
  readQuery(NoQuery, context);
  const given = await readJson(NewRoleBody, context);
  context.set("audited", given);
  const role = await addRole(context.get("management"), context.get("environment"), given);
  return context.json(roleOnWire(role), 201);
});

roles.openapi(
  createRoute({
    method: "get",
    path: "/roles/{role}",
    operationId: "readRole",
    summary: "Read a role",
    tags,
    security,
    request: { params: RoleParams, query: NoQuery },
    responses: { 200: json(RoleView, "The role."), ...guarded, 404: noRole },
  }),
  async (context) => {
    const { role } = context.req.valid("param");
    return context.json(
      roleOnWire(await readRole(context.get("management"), context.get("environment"), role)),
      200,
    );
  },
);

roles.openAPIRegistry.registerPath(
  createRoute({
    method: "patch",
    path: "/roles/{role}",
    operationId: "changeRole",
    summary: "Change a role",
    description: "What is not given stays. In force within a minute everywhere, here at once.",
    tags,
    security,
    request: { params: RoleParams, query: NoQuery, body: body(RoleChangeBody) },
    responses: { 200: json(RoleView, "The role."), ...guarded, 404: noRole },
  }),
);
roles.patch("/roles/:role", async (context) => {
  readQuery(NoQuery, context);
  const given = await readJson(RoleChangeBody, context);
  context.set("audited", given);
  const role = await changeRole(
    context.get("management"),
    context.get("environment"),
    context.req.param("role"),
    given,
  );
  return context.json(roleOnWire(role), 200);
});

roles.openapi(
  createRoute({
    method: "delete",
    path: "/roles/{role}",
    operationId: "deleteRole",
    summary: "Delete a role",
    description: "Groups that have it lose it.",
    tags,
    security,
    request: { params: RoleParams, query: NoQuery },
    responses: { 204: { description: "It is gone." }, ...guarded, 404: noRole },
  }),
  async (context) => {
    const { role } = context.req.valid("param");
    await removeRole(context.get("management"), context.get("environment"), role);
    return context.body(null, 204);
  },
);
