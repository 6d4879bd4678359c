import { createRoute, z } from "@hono/zod-openapi";
import { InterfaceDefinition } from "../../domain/interface";
import {
  type InterfaceView,
  issueCredentials,
  listInterfaces,
  ROTATABLE,
  readInterface,
  revokeCredentials,
} from "../../operations/access/interfaces";
import { readJson, readParams, readQuery } from "./request";
import { guarded, json, NoQuery, newRouter, problem, security, time } from "./router";

/** Interfaces, which bundles declare, and their credentials, which are made here. */
export const interfaces = newRouter();
const tags = ["Interfaces"];

const InterfaceParams = z.object({
  interface: z
    .string()
    .min(1)
    .max(400)
    .openapi({ param: { name: "interface", in: "path" } }),
});
const credentialShape = {
  client_id: z.string(),
  createdAt: z.iso.datetime(),
  rotatedAt: z.iso.datetime(),
};
const InterfaceOnWire = z
  .object({
    name: z.string(),
    project: z.string().describe("The project whose bundle declares it."),
    definition: InterfaceDefinition,
    credentials: z.object(credentialShape).nullable().describe("Null until it has been given some."),
  })
  .openapi("Interface");
const IssuedOnWire = z
  .object({
    ...credentialShape,
    client_secret: z.string().optional().describe("Shown this once: only its hash is kept."),
    app_key: z.string().optional().describe("Shown this once: only its hash is kept."),
  })
  .openapi("InterfaceCredentials");
const Rotation = z.strictObject({
  rotate: z
    .array(z.enum(ROTATABLE))
    .min(1)
    .default([...ROTATABLE])
    .describe("What to make anew; both when the interface has no credentials yet."),
});

const onWire = ({ definition, project, credentials }: InterfaceView) => ({
  name: definition.interface,
  project,
  definition,
  credentials:
    credentials === undefined
      ? null
      : {
          client_id: credentials.clientId,
          createdAt: time(credentials.createdAt),
          rotatedAt: time(credentials.rotatedAt),
        },
});

const unknown = problem("There is no such interface in this environment.");

interfaces.openapi(
  createRoute({
    method: "get",
    path: "/interfaces",
    operationId: "listInterfaces",
    summary: "List the interfaces of the environment",
    tags,
    security,
    request: { query: NoQuery },
    responses: { 200: json(z.object({ interfaces: z.array(InterfaceOnWire) }), "All of them."), ...guarded },
  }),
  async (context) => {
    const found = await listInterfaces(context.get("management"), context.get("environment"));
    return context.json({ interfaces: found.map(onWire) }, 200);
  },
);

interfaces.openapi(
  createRoute({
    method: "get",
    path: "/interfaces/{interface}",
    operationId: "readInterface",
    summary: "Read an interface",
    tags,
    security,
    request: { params: InterfaceParams, query: NoQuery },
    responses: { 200: json(InterfaceOnWire, "The interface."), ...guarded, 404: unknown },
  }),
  async (context) => {
    const { interface: name } = context.req.valid("param");
    const found = await readInterface(context.get("management"), context.get("environment"), name);
    return context.json(onWire(found), 200);
  },
);

interfaces.openAPIRegistry.registerPath({
  method: "post",
  path: "/interfaces/{interface}/credentials",
  operationId: "issueInterfaceCredentials",
  summary: "Give an interface its credentials, or make them anew",
  description:
    "What is made anew ends the old one at once; a new client secret ends all tokens too. The client id stays.",
  tags,
  security,
  request: {
    params: InterfaceParams,
    query: NoQuery,
    body: { required: false, content: { "application/json": { schema: Rotation } } },
  },
  responses: { 201: json(IssuedOnWire, "What was made."), ...guarded, 404: unknown },
});

interfaces.post("/interfaces/:interface/credentials", async (context) => {
  readQuery(NoQuery, context);
  const { interface: name } = readParams(InterfaceParams, context);
  const empty = context.req.header("content-length") === "0" || context.req.raw.body === null;
  const { rotate } = empty ? Rotation.parse({}) : await readJson(Rotation, context);
  const issued = await issueCredentials(
    context.get("management"),
    context.get("environment"),
    name,
    rotate,
    context.get("user"),
  );
  return context.json(
    {
      client_id: issued.clientId,
      createdAt: time(issued.createdAt),
      rotatedAt: time(issued.rotatedAt),
      ...(issued.clientSecret === undefined ? {} : { client_secret: issued.clientSecret }),
      ...(issued.appKey === undefined ? {} : { app_key: issued.appKey }),
    },
    201,
  );
});

interfaces.openapi(
  createRoute({
    method: "delete",
    path: "/interfaces/{interface}/credentials",
    operationId: "revokeInterfaceCredentials",
    summary: "Take an interface's credentials and tokens away",
    tags,
    security,
    request: { params: InterfaceParams, query: NoQuery },
    responses: { 204: { description: "They are gone." }, ...guarded, 404: unknown },
  }),
  async (context) => {
    const { interface: name } = context.req.valid("param");
    await revokeCredentials(context.get("management"), context.get("environment"), name);
    return context.body(null, 204);
  },
);
