import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "./command-error.mjs";

/**
 * Uploads the files of a demo website that are new or changed, and maps it at its URL.
 * @param {import("./admin.mjs").AdminClient} admin
 * @param {{ project: string, projectId: string, folder: string, environmentId: string, organizationKey: unknown }} where
 * @param {{ slug: string, folder: string, url: string }} website
 * @returns {Promise<string>} the URL of its first page
 */
export async function seedWebsite(admin, where, website) {
  const base = `/admin/v1/projects/${encodeURIComponent(where.project)}/websites/${website.slug}/files`;
  const listed = await admin.get(`${base}?limit=200`);
  const present = new Map(
    (listed?.files ?? []).map((/** @type {{ path: string, hash: string }} */ file) => [file.path, file.hash]),
  );
  for (const name of readdirSync(join(where.folder, website.folder)).sort()) {
    const bytes = readFileSync(join(where.folder, website.folder, name));
    if (present.get(name) === createHash("sha256").update(bytes).digest("hex")) continue;
    await admin.upload(`${base}/${name}`, bytes);
  }
  const urls = `${admin.base}/v1/environment/${where.environmentId}/urls`;
  const headers = { "X-Apikey": String(where.organizationKey), "Content-Type": "application/json" };
  const mapped = await (await fetch(urls, { headers })).json();
  const there = mapped.data?.urls_mapped?.some(
    (/** @type {{ url: string, name: string }} */ each) =>
      each.url === website.url && each.name === website.slug,
  );
  if (!there) {
    const body = [
      { project_id: Number(where.projectId), url: website.url, name: website.slug, type: "website" },
    ];
    const answer = await fetch(urls, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new CommandError(`The demo's website was not mapped. ${await answer.text()}`);
  }
  return admin.base + website.url;
}
