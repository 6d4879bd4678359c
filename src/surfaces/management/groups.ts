import { createRoute, z } from "@hono/zod-openapi";
import {
  addGroup,
  addMember,
  changeGroup,
  readGroup,
  removeGroup,
  removeMember,
  setGroupRole,
} from "../../operations/accounts";
import type { Group } from "../../operations/identity-ports";
import {
  GroupChangeBody,
  GroupList,
  GroupParams,
  GroupRoleParams,
  GroupView,
  MemberList,
  MemberParams,
  NewGroupBody,
} from "./account-schemas";
import { readJson, readQuery } from "./request";
import { body, guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Page } from "./schemas";

/** Groups of the organization: who is in them, and which roles they give. */
export const groups = newRouter();
const tags = ["Groups and roles"];
const noGroup = problem("There is no such group.");

const groupOnWire = ({ createdAt, updatedAt, ...group }: Group) => ({
  ...group,
  createdAt: time(createdAt),
  updatedAt: time(updatedAt),
});

groups.openapi(
  createRoute({
    method: "get",
    path: "/groups",
    operationId: "listGroups",
    summary: "List groups, by name",
    tags,
    security,
    request: { query: z.strictObject(Page) },
    responses: { 200: json(GroupList, "A page of groups."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const { organizationId } = context.get("environment");
    const rows = await context.get("management").directory.groups(organizationId, limit + 1, cursor);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.name ?? null) : null;
    return context.json({ groups: page.map(groupOnWire), next }, 200);
  },
);

groups.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/groups",
    operationId: "createGroup",
    summary: "Make a group",
    tags,
    security,
    request: { query: NoQuery, body: body(NewGroupBody) },
    responses: { 201: json(GroupView, "The group."), ...guarded, 409: problem("The name is taken.") },
  }),
);
groups.post("/groups", async (context) => {
  readQuery(NoQuery, context);
  const given = await readJson(NewGroupBody, context);
  context.set("audited", given);
  const group = await addGroup(context.get("management"), context.get("environment"), given);
  return context.json(groupOnWire(group), 201);
});

groups.openapi(
  createRoute({
    method: "get",
    path: "/groups/{group}",
    operationId: "readGroup",
    summary: "Read a group",
    tags,
    security,
    request: { params: GroupParams, query: NoQuery },
    responses: { 200: json(GroupView, "The group."), ...guarded, 404: noGroup },
  }),
  async (context) => {
    const { group } = context.req.valid("param");
    return context.json(
      groupOnWire(await readGroup(context.get("management"), context.get("environment"), group)),
      200,
    );
  },
);

groups.openAPIRegistry.registerPath(
  createRoute({
    method: "patch",
    path: "/groups/{group}",
    operationId: "changeGroup",
    summary: "Change a group",
    description: "What is not given stays. In force within a minute everywhere, here at once.",
    tags,
    security,
    request: { params: GroupParams, query: NoQuery, body: body(GroupChangeBody) },
    responses: { 200: json(GroupView, "The group."), ...guarded, 404: noGroup },
  }),
);
groups.patch("/groups/:group", async (context) => {
  readQuery(NoQuery, context);
  const given = await readJson(GroupChangeBody, context);
  context.set("audited", given);
  const group = await changeGroup(
    context.get("management"),
    context.get("environment"),
    context.req.param("group"),
    given,
  );
  return context.json(groupOnWire(group), 200);
});

groups.openapi(
  createRoute({
    method: "delete",
    path: "/groups/{group}",
    operationId: "deleteGroup",
    summary: "Delete a group",
    description: "Its users lose what it gave them. Flows that are limited to it stay limited to its name.",
    tags,
    security,
    request: { params: GroupParams, query: NoQuery },
    responses: { 204: { description: "It is gone." }, ...guarded, 404: noGroup },
  }),
  async (context) => {
    const { group } = context.req.valid("param");
    await removeGroup(context.get("management"), context.get("environment"), group);
    return context.body(null, 204);
  },
);

groups.openapi(
  createRoute({
    method: "get",
    path: "/groups/{group}/members",
    operationId: "listMembers",
    summary: "List the users in a group, by name",
    tags,
    security,
    request: { params: GroupParams, query: z.strictObject(Page) },
    responses: { 200: json(MemberList, "A page of names."), ...guarded, 404: noGroup },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const environment = context.get("environment");
    const services = context.get("management");
    const { name } = await readGroup(services, environment, context.req.valid("param").group);
    const rows = await services.directory.members(environment.organizationId, name, limit + 1, cursor);
    const members = rows.slice(0, limit);
    return context.json({ members, next: rows.length > limit ? (members.at(-1) ?? null) : null }, 200);
  },
);

groups.openapi(
  createRoute({
    method: "put",
    path: "/groups/{group}/members/{user}",
    operationId: "addMember",
    summary: "Put a user into a group",
    tags,
    security,
    request: { params: MemberParams, query: NoQuery },
    responses: {
      204: { description: "The user is in the group." },
      ...guarded,
      404: problem("There is no such group or user."),
      409: problem("The user is in as many groups as it may."),
    },
  }),
  async (context) => {
    const { group, user } = context.req.valid("param");
    await addMember(context.get("management"), context.get("environment"), group, user);
    return context.body(null, 204);
  },
);

groups.openapi(
  createRoute({
    method: "delete",
    path: "/groups/{group}/members/{user}",
    operationId: "removeMember",
    summary: "Take a user out of a group",
    tags,
    security,
    request: { params: MemberParams, query: NoQuery },
    responses: {
      204: { description: "The user is not in the group." },
      ...guarded,
      404: problem("There is no such user in the group."),
    },
  }),
  async (context) => {
    const { group, user } = context.req.valid("param");
    await removeMember(context.get("management"), context.get("environment"), group, user);
    return context.body(null, 204);
  },
);

for (const [method, operationId, summary, has] of [
  ["put", "giveRole", "Give a group a role", true],
  ["delete", "takeRole", "Take a role from a group", false],
] as const) {
  groups.openapi(
    createRoute({
      method,
      path: "/groups/{group}/roles/{role}",
      operationId,
      summary,
      tags,
      security,
      request: { params: GroupRoleParams, query: NoQuery },
      responses: {
        200: json(GroupView, "The group."),
        ...guarded,
        404: problem("There is no such group or role."),
        409: problem("The group has as many roles as it may."),
      },
    }),
    async (context) => {
      const { group, role } = context.req.valid("param");
      const changed = await setGroupRole(
        context.get("management"),
        context.get("environment"),
        group,
        role,
        has,
      );
      return context.json(groupOnWire(changed), 200);
    },
  );
}
