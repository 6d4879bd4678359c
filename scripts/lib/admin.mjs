import { CommandError } from "./command-error.mjs";
import { fileOf } from "./pack.mjs";

/** A client of the management API, as far as the scripts need it. */
export class AdminClient {
  /**
   * @param {string} base
   * @param {string} token
   */
  constructor(base, token) {
    this.base = base.replace(/\/$/, "");
    this.token = token;
  }

  /**
   * Applies a bundle; what is wrong with it becomes the error's message.
   * @param {Record<string, unknown> & { project: string }} bundle
   * @param {{ dryRun?: boolean }} [options]
   * @returns {Promise<Record<string, unknown>>} what changed
   */
  async apply(bundle, { dryRun = false } = {}) {
    const path = `/admin/v1/projects/${encodeURIComponent(bundle.project)}${dryRun ? "?dryRun=true" : ""}`;
    const response = await this.#send("PUT", path, bundle);
    if (!response.ok)
      throw new CommandError(
        `The project ${bundle.project} was not applied. ${await problemText(response, (path) => fileOf(bundle, path))}`,
      );
    return /** @type {Record<string, unknown>} */ (await response.json());
  }

  /**
   * What a GET answers, or undefined when there is nothing there.
   * @param {string} path
   * @returns {Promise<any>}
   */
  async get(path) {
    const response = await this.#send("GET", path);
    if (response.status === 404) return undefined;
    if (!response.ok) throw new CommandError(`GET ${path} failed. ${await problemText(response)}`);
    return response.json();
  }

  /**
   * Sets what is at a path.
   * @param {string} path
   * @param {unknown} body
   * @returns {Promise<any>}
   */
  async put(path, body) {
    const response = await this.#send("PUT", path, body);
    if (!response.ok) throw new CommandError(`PUT ${path} failed. ${await problemText(response)}`);
    return response.json();
  }

  /**
   * What a POST answers.
   * @param {string} path
   * @param {unknown} body
   * @returns {Promise<any>}
   */
  async post(path, body) {
    const response = await this.#send("POST", path, body);
    if (!response.ok) throw new CommandError(`POST ${path} failed. ${await problemText(response)}`);
    return response.json();
  }

  /**
   * Uploads bytes.
   * @param {string} path
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async upload(path, bytes) {
    const headers = { Authorization: `Bearer ${this.token}` };
    const response = await fetch(this.base + path, { method: "PUT", headers, body: bytes });
    if (!response.ok) throw new CommandError(`PUT ${path} failed. ${await problemText(response)}`);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async #send(method, path, body) {
    const headers = {
      Authorization: `Bearer ${this.token}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    };
    try {
      return await fetch(this.base + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const cause =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new CommandError(
        `${this.base} does not answer (${cause}). Is the server running? \`npm start\` starts it.`,
      );
    }
  }
}

/**
 * A problem document (RFC 9457) as lines for a terminal.
 * @param {Response} response
 * @param {(path: string) => string | undefined} [fileAt] the file in which a place of the request's body was written
 */
async function problemText(response, fileAt = () => undefined) {
  const text = await response.text();
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    return `HTTP ${response.status}: ${text.slice(0, 2_000)}`;
  }
  const lines = [`HTTP ${response.status}: ${[problem.title, problem.detail].filter(Boolean).join(": ")}`];
  for (const error of Array.isArray(problem.errors) ? problem.errors : []) {
    const nearest = error.nearest === undefined ? "" : ` (did you mean ${error.nearest}?)`;
    const file = fileAt(String(error.path ?? ""));
    const place = `${error.path || "/"}${file === undefined ? "" : ` (${file})`}`;
    lines.push(`  ${place}: ${error.reason}${nearest}`);
  }
  return lines.join("\n");
}
