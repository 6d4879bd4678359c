import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { extname, isAbsolute, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { isScalar, parseDocument } from "yaml";
import { CommandError } from "./command-error.mjs";

/**
 * A project as a folder, written down as one document:
 *
 * - `project.yaml` has the project's own fields (`project`, `description`, …);
 * - every sub-folder becomes a list of its name, an element for each `*.yaml`, `*.yml` or `*.json` file in it, in the
 *   order of their names (`flows/quote.yaml` → an element of `flows`). Not `tests/`, `data/` and `site/`: they stay at home;
 * - `!file data/x.json`, or `{ $file: data/x.json }`, stands for what that file holds: JSON and YAML parsed, the default
 *   export of an `.mjs` module (evaluated here, by the packer), anything else as text.
 */

const STAYS_HOME = new Set(["tests", "data", "site"]);
const DOCUMENT = /\.(ya?ml|json)$/;
/** Of each packed bundle: the file of each element of its lists. @type {WeakMap<object, Record<string, string[]>>} */
const FILES = new WeakMap();
/** Files that name files that name files …: surely a circle. */
const MAX_FILE_DEPTH = 10;

class FileReference {
  /** @param {string} path */
  constructor(path) {
    this.path = path;
  }
}

/** @type {import("yaml").ScalarTag} */
const FILE_TAG = { tag: "!file", resolve: (path) => new FileReference(path) };

/**
 * @param {string} folder
 * @returns {Promise<Record<string, unknown> & { sluice: number, project: string }>} the bundle
 */
export async function packProject(folder) {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new CommandError(`${folder} is not a folder.`);
  const heads = readdirSync(folder).filter((name) => /^project\.(ya?ml|json)$/.test(name));
  const [head] = heads;
  if (head === undefined) throw new CommandError(`${folder} has no project.yaml, so it is not a project.`);
  if (heads.length > 1) throw new CommandError(`${folder} has more than one of ${heads.join(", ")}.`);
  const fields = /** @type {Record<string, unknown>} */ (await readDocument(folder, head));
  if (!isRecord(fields)) throw new CommandError(`${join(folder, head)} must be a mapping.`);
  if (typeof fields.project !== "string") {
    throw new CommandError(`${join(folder, head)} must say what the project is called (project: name).`);
  }
  const { sluice = 1, project, ...rest } = fields;

  /** @type {Record<string, unknown>} */
  const lists = {};
  /** @type {Record<string, string[]>} */
  const origins = {};
  for (const name of readdirSync(folder).sort()) {
    if (STAYS_HOME.has(name) || name.startsWith(".") || !statSync(join(folder, name)).isDirectory()) continue;
    const files = readdirSync(join(folder, name))
      .filter((file) => DOCUMENT.test(file) && !file.startsWith("."))
      .sort();
    if (files.length === 0) continue;
    if (name in fields)
      throw new CommandError(
        `${join(folder, head)} has ${name}, and there is a folder ${name}: use one of them.`,
      );
    lists[name] = await Promise.all(files.map((file) => readDocument(folder, join(name, file))));
    origins[name] = files.map((file) => `${name}/${file}`);
  }
  const bundle = { sluice: /** @type {number} */ (sluice), project, ...rest, ...lists };
  FILES.set(bundle, origins);
  return bundle;
}

/**
 * The file that a place of a packed bundle came from, as far as it is an element of a list.
 * @param {object} bundle as `packProject` answered it
 * @param {string} pointer a JSON Pointer, such as `/flows/0/nodes/size`
 * @returns {string | undefined} in the project's folder, such as `flows/quote.yaml`
 */
export function fileOf(bundle, pointer) {
  const [, list = "", index] = /^\/(\w+)\/(\d+)(?=\/|$)/.exec(pointer) ?? [];
  const files = FILES.get(bundle) ?? {};
  return Object.hasOwn(files, list) ? files[list]?.[Number(index)] : undefined;
}

/**
 * One YAML or JSON file of a project, with the files that it names in place.
 * @param {string} folder the project
 * @param {string} path of the file, in the project
 * @param {number} [depth]
 * @returns {Promise<unknown>}
 */
async function readDocument(folder, path, depth = 0) {
  const document = parseDocument(readFileSync(join(folder, path), "utf8"), {
    customTags: [FILE_TAG],
    prettyErrors: true,
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem?.code === "MULTIPLE_DOCS")
    throw new CommandError(
      `${join(folder, path)} holds several documents; write one in each file, without \`---\` between.`,
    );
  if (problem !== undefined) throw new CommandError(`${join(folder, path)}: ${problem.message}`);
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw new CommandError(`${join(folder, path)} is empty.`);
  }
  return inlineFiles(contentOf(document, join(folder, path)), folder, path, depth);
}

/**
 * @param {import("yaml").Document} document
 * @param {string} file for messages
 * @returns {unknown} what it holds, which is finite
 */
function contentOf(document, file) {
  let value;
  try {
    value = document.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases that multiply: the library says which.
    throw new CommandError(`${file}: ${error instanceof Error ? error.message : error}.`);
  }
  try {
    JSON.stringify(value);
  } catch {
    throw new CommandError(`${file}: an alias stands inside what it repeats; write the value out.`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} folder
 * @param {string} from the file that the value is in, for messages
 * @param {number} depth
 * @returns {Promise<unknown>}
 */
async function inlineFiles(value, folder, from, depth) {
  if (value instanceof FileReference) return readData(folder, value.path, from, depth + 1);
  if (Array.isArray(value))
    return Promise.all(value.map((element) => inlineFiles(element, folder, from, depth)));
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && typeof value.$file === "string")
    return readData(folder, value.$file, from, depth + 1);
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, element]) => [
      key,
      await inlineFiles(element, folder, from, depth),
    ]),
  );
  return Object.fromEntries(entries);
}

/**
 * @param {string} folder
 * @param {string} path
 * @param {string} from
 * @param {number} depth
 */
async function readData(folder, path, from, depth) {
  const where = `${join(folder, from)}: !file ${path}`;
  if (depth > MAX_FILE_DEPTH) throw new CommandError(`${where}: files that name each other go too deep.`);
  const full = join(folder, path);
  // The real path counts: a link may not lead out of the project either.
  if (isAbsolute(path) || leavesFolder(relative(folder, full)))
    throw new CommandError(`${where} is outside the project.`);
  if (!existsSync(full) || !statSync(full).isFile())
    throw new CommandError(`${where}: there is no such file.`);
  if (leavesFolder(relative(realpathSync(folder), realpathSync(full)))) {
    throw new CommandError(`${where} is outside the project.`);
  }
  switch (extname(path)) {
    case ".json":
    case ".yaml":
    case ".yml":
      return readDocument(folder, path, depth);
    case ".mjs":
      return structuredClone((await import(pathToFileURL(full).href)).default);
    default:
      return readFileSync(full, "utf8");
  }
}

/** @param {string} path */
function leavesFolder(path) {
  return path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
