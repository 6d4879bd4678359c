import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { CommandError } from "./command-error.mjs";

/**
 * The data schema of the demo organization; from `schema: schema.yaml` in a `demo.yaml`. Inserted through the v1 API, as a
 * client would; one that is there already is left as it is.
 * @param {string} base
 * @param {string} folder
 * @param {string} file
 * @param {Record<string, any>} credentials those that were seeded: an API key and an interface
 */
export async function seedSchema(base, folder, file, credentials) {
  const { schema, data_record, url } = parse(readFileSync(join(folder, file), "utf8"));
  const response = await fetch(`${base}/v1/schema`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-apikey": credentials.api_key,
      "x-app": credentials.interface?.name,
    },
    body: JSON.stringify({ schema: base64(schema), data_record: base64(data_record), url }),
  });
  if (response.ok || response.status === 409) return;
  throw new CommandError(`The data schema ${file} was not taken: ${await response.text()}`);
}

/** @param {unknown} value */
function base64(value) {
  return Buffer.from(JSON.stringify(value)).toString("base64");
}
