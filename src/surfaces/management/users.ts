import { createRoute, z } from "@hono/zod-openapi";
import { SluiceError } from "../../domain/errors";
import {
  addUser,
  changeUser,
  issueKey,
  readKey,
  readUser,
  removeUser,
  revokeKey,
} from "../../operations/accounts";
import type { StoredKey, User } from "../../operations/identity-ports";
import {
  IssuedKey,
  KeyList,
  KeyParams,
  KeyView,
  NewKeyBody,
  NewUserBody,
  UserChangeBody,
  UserList,
  UserParams,
  UserView,
} from "./account-schemas";
import { type ManagementContext, readJson, readQuery } from "./request";
import { body, guarded, json, NoQuery, newRouter, problem, security, time } from "./router";
import { Page } from "./schemas";

/** Users of the organization, and their keys. */
export const users = newRouter();
const tags = ["Users and keys"];
const noUser = problem("There is no such user.");

const userOnWire = ({ createdAt, updatedAt, ...user }: User) => ({
  ...user,
  createdAt: time(createdAt),
  updatedAt: time(updatedAt),
});

users.openapi(
  createRoute({
    method: "get",
    path: "/users",
    operationId: "listUsers",
    summary: "List users, by name",
    tags,
    security,
    request: { query: z.strictObject(Page) },
    responses: { 200: json(UserList, "A page of users."), ...guarded },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const { organizationId } = context.get("environment");
    const rows = await context.get("management").directory.users(organizationId, limit + 1, cursor);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.name ?? null) : null;
    return context.json({ users: page.map(userOnWire), next }, 200);
  },
);

// Routes with bodies are registered by hand: these are read with a bound, exactly, and complained of with pointers.
users.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/users",
    operationId: "createUser",
    summary: "Make a user",
    tags,
    security,
    request: { query: NoQuery, body: body(NewUserBody) },
    responses: { 201: json(UserView, "The user."), ...guarded, 409: problem("The name is taken.") },
  }),
);
users.post("/users", async (context) => {
  readQuery(NoQuery, context);
  const given = await readJson(NewUserBody, context);
  context.set("audited", given);
  const user = await addUser(context.get("management"), context.get("environment"), given);
  return context.json(userOnWire(user), 201);
});

users.openapi(
  createRoute({
    method: "get",
    path: "/users/{user}",
    operationId: "readUser",
    summary: "Read a user",
    tags,
    security,
    request: { params: UserParams, query: NoQuery },
    responses: { 200: json(UserView, "The user."), ...guarded, 404: noUser },
  }),
  async (context) => {
    const { user } = context.req.valid("param");
    return context.json(
      userOnWire(await readUser(context.get("management"), context.get("environment"), user)),
      200,
    );
  },
);

users.openAPIRegistry.registerPath(
  createRoute({
    method: "patch",
    path: "/users/{user}",
    operationId: "changeUser",
    summary: "Change, disable or enable a user",
    description: "What is not given stays. In force within a minute everywhere, here at once.",
    tags,
    security,
    request: { params: UserParams, query: NoQuery, body: body(UserChangeBody) },
    responses: { 200: json(UserView, "The user."), ...guarded, 404: noUser },
  }),
);
users.patch("/users/:user", async (context) => {
  readQuery(NoQuery, context);
  const given = await readJson(UserChangeBody, context);
  context.set("audited", given);
  const user = await changeUser(
    context.get("management"),
    context.get("environment"),
    context.req.param("user"),
    given,
  );
  return context.json(userOnWire(user), 200);
});

users.openapi(
  createRoute({
    method: "delete",
    path: "/users/{user}",
    operationId: "deleteUser",
    summary: "Delete a user",
    description:
      "Its keys count no longer, and it is in no group any more. Runs and the audit trail keep its name.",
    tags,
    security,
    request: { params: UserParams, query: NoQuery },
    responses: { 204: { description: "It is gone." }, ...guarded, 404: noUser },
  }),
  async (context) => {
    const { user } = context.req.valid("param");
    await removeUser(context.get("management"), context.get("environment"), user);
    return context.body(null, 204);
  },
);

users.openapi(
  createRoute({
    method: "get",
    path: "/users/{user}/keys",
    operationId: "listKeys",
    summary: "List the keys of a user, newest first",
    tags,
    security,
    request: { params: UserParams, query: z.strictObject(Page) },
    responses: { 200: json(KeyList, "A page of keys, revoked ones too."), ...guarded, 404: noUser },
  }),
  async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const services = context.get("management");
    const { id } = await readUser(services, context.get("environment"), context.req.valid("param").user);
    if (cursor !== undefined && (await services.keyStore.find(id, cursor)) === undefined) {
      throw new SluiceError(
        "invalid_request",
        "`cursor` is the `next` of the page before, as it was given.",
        {
          problems: [{ path: "cursor", reason: "not a cursor of this list" }],
        },
      );
    }
    const rows = await services.keyStore.list(id, limit + 1, cursor);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? (page.at(-1)?.id ?? null) : null;
    return context.json({ keys: page.map((key) => keyOnWire(key, context)), next }, 200);
  },
);

users.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/users/{user}/keys",
    operationId: "issueKey",
    summary: "Issue a key",
    description:
      "A signed token (JWT) for `Authorization` at endpoints. It is shown once. It counts while its user is enabled and has the privilege `Use API Key`, in every environment of the organization.",
    tags,
    security,
    request: { params: UserParams, query: NoQuery, body: body(NewKeyBody) },
    responses: {
      201: json(IssuedKey, "The key."),
      ...guarded,
      404: noUser,
      409: problem("The user has as many keys as it may."),
    },
  }),
);
users.post("/users/:user/keys", async (context) => {
  readQuery(NoQuery, context);
  const { name, notBefore, expiresAt } = await readJson(NewKeyBody, context);
  context.set("audited", { name, notBefore, expiresAt });
  const { key, token } = await issueKey(
    context.get("management"),
    context.get("environment"),
    context.req.param("user"),
    { name, notBefore: instant(notBefore), expiresAt: instant(expiresAt), by: context.get("user") },
  );
  context.set("audited", { id: key.id, name, notBefore, expiresAt });
  return context.json({ ...keyOnWire(key, context), key: token }, 201);
});

users.openapi(
  createRoute({
    method: "get",
    path: "/users/{user}/keys/{key}",
    operationId: "readKey",
    summary: "Read a key's data",
    tags,
    security,
    request: { params: KeyParams, query: NoQuery },
    responses: {
      200: json(KeyView, "Everything but the key itself."),
      ...guarded,
      404: problem("No such key."),
    },
  }),
  async (context) => {
    const { user, key } = context.req.valid("param");
    const found = await readKey(context.get("management"), context.get("environment"), user, key);
    return context.json(keyOnWire(found, context), 200);
  },
);

users.openapi(
  createRoute({
    method: "delete",
    path: "/users/{user}/keys/{key}",
    operationId: "revokeKey",
    summary: "Revoke a key",
    description: "In force within a minute everywhere, here at once. The key stays in the list as revoked.",
    tags,
    security,
    request: { params: KeyParams, query: NoQuery },
    responses: { 200: json(KeyView, "The key, revoked."), ...guarded, 404: problem("No such key.") },
  }),
  async (context) => {
    const { user, key } = context.req.valid("param");
    const revoked = await revokeKey(
      context.get("management"),
      context.get("environment"),
      user,
      key,
      context.get("user"),
    );
    return context.json(keyOnWire(revoked, context), 200);
  },
);

function keyOnWire({ kid, ...key }: StoredKey, context: ManagementContext): z.output<typeof KeyView> {
  const optional = (ms: number | null) => (ms === null ? null : time(ms));
  return {
    id: key.id,
    name: key.name,
    signedWith: context.get("management").signer.signedWith(kid),
    createdAt: time(key.createdAt),
    createdBy: key.createdBy,
    notBefore: optional(key.notBefore),
    expiresAt: optional(key.expiresAt),
    revokedAt: optional(key.revokedAt),
    revokedBy: key.revokedBy,
    lastUsedAt: optional(key.lastUsedAt),
  };
}

function instant(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
