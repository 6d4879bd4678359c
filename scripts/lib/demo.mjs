import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { CommandError } from "./command-error.mjs";
import { seedAccess } from "./demo-access.mjs";
import { seedAccounts } from "./demo-accounts.mjs";
import { seedSchema } from "./demo-schema.mjs";
import { seedWebsite } from "./demo-site.mjs";
import { seedWebhookSecrets } from "./demo-webhooks.mjs";
import { endpointUrl } from "./endpoint-url.mjs";
import { packProject } from "./pack.mjs";
import { writePrivate } from "./private-file.mjs";

/**
 * The demo world: every folder of `examples/` that has a `project.yaml` is applied, and what its `demo.yaml` names goes
 * to `.dev/demo.json`:
 *
 *     id_as: project_id              # the project's id goes there
 *     endpoints:                     # key → where it is triggered
 *       since: { flow: since }
 *       alias: { alias: shop orders }
 *       legacy: { legacy: companies }
 *     flows:                         # key → { name, id }
 *       record: record-flow
 *     access: { api_keys: … }        # keys of the v1 and event APIs, see demo-access.mjs
 *     accounts: { users: … }         # users with keys, see demo-accounts.mjs
 *     companion: [fx]                # integrations that call the demo's companion server, see companion.mjs
 *     schema: schema.yaml            # the data schema, see demo-schema.mjs
 *     table: users                   # anything else is copied as it is
 */

/**
 * What `.dev/demo.json` holds.
 * @typedef {Record<string, any> & { base: string, admin_token: string, endpoints: Record<string, string>, flows: Record<string, unknown> }} Demo
 */

/**
 * Applies the projects that changed since the last time, or are not there any more.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {string} examples
 * @param {string} memory file that remembers what was applied
 * @param {{ url: string }} [companion] the server that stands for someone else's
 * @returns {Promise<{ projects: Array<{ name: string, folder: string, flows: number }>, applied: string[], credentials: Record<string, unknown> }>} with what
 * goes into `.dev/demo.json` beside what `demo.yaml` says
 */
export async function seedDemo(admin, examples, memory, companion) {
  const folders = existsSync(examples)
    ? readdirSync(examples)
        .sort()
        .map((name) => join(examples, name))
        .filter((folder) => existsSync(join(folder, "project.yaml")))
    : [];
  /** @type {Record<string, string>} */
  const seeded = existsSync(memory) ? JSON.parse(readFileSync(memory, "utf8")) : {};
  const projects = [];
  const applied = [];
  /** @type {Record<string, unknown>} */
  const credentials = {};
  for (const folder of folders) {
    const { webhooks } = demoFile(folder);
    if (webhooks !== undefined)
      credentials.webhooks = await seedWebhookSecrets(
        admin,
        webhooks,
        join(dirname(memory), "seeded-secrets.json"),
      );
    const bundle = await demoBundle(folder, companion);
    const hash = createHash("sha256").update(JSON.stringify(bundle)).digest("hex");
    const there =
      seeded[bundle.project] === hash && (await admin.get(projectPath(bundle.project))) !== undefined;
    if (!there) {
      await admin.apply(bundle);
      applied.push(bundle.project);
      seeded[bundle.project] = hash;
      writePrivate(memory, seeded);
    }
    projects.push({
      name: bundle.project,
      folder,
      flows: Array.isArray(bundle.flows) ? bundle.flows.length : 0,
    });
  }
  for (const { folder } of projects) {
    const { access, accounts } = demoFile(folder);
    if (access !== undefined)
      Object.assign(
        credentials,
        await seedAccess(admin, access, join(dirname(memory), "seeded-access.json")),
      );
    if (accounts === undefined) continue;
    Object.assign(
      credentials,
      await seedAccounts(admin, accounts, join(dirname(memory), "seeded-keys.json")),
    );
  }
  for (const { folder } of projects) {
    const { schema } = demoFile(folder);
    if (schema !== undefined) await seedSchema(admin.base, folder, schema, credentials);
  }
  return { projects, applied, credentials };
}

/**
 * A project of the demo, with the integrations that `demo.yaml` names calling the companion where it is now.
 * @param {string} folder
 * @param {{ url: string }} [companion]
 */
export async function demoBundle(folder, companion) {
  const bundle = await packProject(folder);
  const names = demoFile(folder).companion ?? [];
  const integrations = /** @type {Array<{ integration: string, baseUrl: string }>} */ (
    bundle.integrations ?? []
  );
  if (companion === undefined) return bundle;
  for (const each of integrations) if (names.includes(each.integration)) each.baseUrl = companion.url;
  return bundle;
}

/**
 * Everything that scripts need to know about the demo, by name.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {string} instance
 * @param {Array<{ name: string, folder: string }>} projects
 * @param {Record<string, unknown>} [credentials] those that were seeded
 * @returns {Promise<Demo>}
 */
export async function describeDemo(admin, instance, projects, credentials = {}) {
  /** @type {Demo} */
  const demo = {
    base: admin.base,
    admin_token: admin.token,
    ...credentials,
    environment_id: "1",
    flows: {},
    endpoints: {},
  };
  for (const { name, folder } of projects) {
    const {
      id_as: idAs,
      endpoints = {},
      flows = {},
      access: _access,
      accounts: _,
      webhooks: _webhooks,
      companion: _companion,
      schema: _schema,
      event,
      website,
      ...rest
    } = demoFile(folder);
    Object.assign(demo, rest);
    for (const [key, target] of Object.entries(endpoints)) {
      demo.endpoints[key] = endpointUrl(admin.base, instance, name, target);
    }
    if (idAs === undefined && Object.keys(flows).length === 0 && event === undefined && website === undefined)
      continue;
    const ids = await projectIds(admin, name);
    if (event !== undefined) demo.event = describeEvent(folder, event, ids.flows);
    if (website !== undefined) {
      const where = {
        project: name,
        projectId: ids.id,
        folder,
        environmentId: demo.environment_id,
        organizationKey: credentials.organization_api_key,
      };
      demo.website = await seedWebsite(admin, where, website);
    }
    if (idAs !== undefined) demo[idAs] = ids.id;
    for (const [key, flow] of Object.entries(flows)) {
      const id = ids.flows.get(flow);
      if (id === undefined) throw new CommandError(`${folder}/demo.yaml: the project has no flow ${flow}.`);
      demo.flows[key] = { name: flow, id };
    }
  }
  return demo;
}

/**
 * An event as callers make it happen, with the id of the workflow that listens.
 * @param {string} folder
 * @param {{ handle: string, params: Record<string, number>, workflow: string }} event
 * @param {Map<unknown, string>} flows
 */
function describeEvent(folder, { handle, params, workflow }, flows) {
  const id = flows.get(workflow);
  if (id === undefined) throw new CommandError(`${folder}/demo.yaml: the project has no flow ${workflow}.`);
  const pairs = Object.entries(params).map(([key, value]) => ({ key, value }));
  return { handle, params: pairs, workflow_id: Number(id) };
}

/**
 * What a project's folder says about it for the demo.
 * @param {string} folder
 * @returns {Record<string, any>}
 */
function demoFile(folder) {
  const file = join(folder, "demo.yaml");
  return existsSync(file) ? (parse(readFileSync(file, "utf8")) ?? {}) : {};
}

/**
 * Ids of a project and of its flows, as strings: clients take them as opaque.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {string} project
 * @returns {Promise<{ id: string, flows: Map<unknown, string> }>}
 */
async function projectIds(admin, project) {
  let id;
  for (let cursor = ""; id === undefined; ) {
    const page = await admin.get(`/admin/v1/projects?limit=200${cursor}`);
    id = page.projects.find((/** @type {{ name: string }} */ { name }) => name === project)?.id;
    if (id === undefined && page.next === null)
      throw new CommandError(`The server has no project ${project}.`);
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
  const { flows } = await admin.get(`${projectPath(project)}/flows`);
  return {
    id: String(id),
    flows: new Map(
      flows.map((/** @type {{ name: string, id: number }} */ flow) => [flow.name, String(flow.id)]),
    ),
  };
}

/** @param {string} project */
function projectPath(project) {
  return `/admin/v1/projects/${encodeURIComponent(project)}`;
}
