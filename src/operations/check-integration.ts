import { type Constants, missingConstant } from "../domain/constants";
import type { Problem } from "../domain/errors";
import {
  baseUrlProblem,
  hostUrl,
  type IntegrationDefinition,
  pathPieces,
  sizeProblem,
} from "../domain/integration";
import { nearest } from "../domain/nearest";
import { secretsProblem } from "../engine/compile-graph";
import { compileValue } from "../engine/value";
import type { CallTargets } from "./ports";

/** What an integration's own texts may read: secrets, and who runs. They are the same for every item. */
const READABLE = new Set(["run"]);

/** A place of an integration that names a target which is not called. */
export interface TargetProblem {
  /** JSON Pointer within the integration: `/baseUrl`. */
  at: string;
  reason: string;
}

/**
 * Targets that an integration names and that calls would be refused, by what their text tells: addresses in any spelling, names
 * of private networks. What a name leads to is looked up when it is called.
 */
export function targetProblems(integration: IntegrationDefinition, targets: CallTargets): TargetProblem[] {
  const problems: TargetProblem[] = [];
  const check = (at: string, written: string, url: URL | null, remedy: string) => {
    // What is no URL is the schema's to say.
    const refused = url === null ? undefined : targets.refusal(url);
    if (refused === undefined) return;
    problems.push({
      at,
      reason: `the integration "${integration.integration}" may not call ${shortened(written)}: ${refused}. ${remedy}`,
    });
  };
  const { baseUrl, hosts = [], auth } = integration;
  check("/baseUrl", baseUrl, URL.parse(baseUrl), "Set `baseUrl` to the API's public address");
  for (const [index, host] of hosts.entries()) {
    check(`/hosts/${index}`, host, hostUrl(host), "Remove it from `hosts`, or name a public host");
  }
  if (auth?.type === "oauth2") {
    const { tokenUrl } = auth;
    check("/auth/tokenUrl", tokenUrl, URL.parse(tokenUrl), "Set `auth.tokenUrl` to a public address");
  }
  return problems;
}

/** Characters of a URL that a message repeats. */
const MAX_SHOWN_CHARS = 200;

function shortened(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}

/**
 * What the schema of an integration cannot say.
 * @param path JSON Pointer to it
 * @param constants the project's; `undefined` when they could not be read
 */
export function integrationProblems(
  integration: IntegrationDefinition,
  path: string,
  constants: Constants | undefined,
): Problem[] {
  const problems: Problem[] = [];
  const large = sizeProblem(integration);
  if (large !== undefined) problems.push({ path, reason: large });
  const compile = (source: unknown, at: string) => {
    compileValue(source, {
      failed: (steps, error) => problems.push({ path: place(at, steps), reason: error.message }),
      compiled: (steps, _expression, names) => {
        const secret = secretsProblem(names, true);
        if (secret !== undefined) problems.push({ path: place(at, steps), reason: secret });
        for (const name of names.constants) {
          if (name === "" || constants === undefined || Object.hasOwn(constants, name)) continue;
          const closest = nearest(name, Object.keys(constants));
          problems.push({
            path: place(at, steps),
            reason: missingConstant(name),
            ...(closest === undefined ? {} : { nearest: closest }),
          });
        }
        const beyond = [...names.roots].filter((root) => !READABLE.has(root));
        if (beyond.length > 0 || names.all) {
          problems.push({
            path: place(at, steps),
            reason: `an integration sees secrets (_datasource.KeyName), constants ($constants.name) and \`run\` only${beyond.length > 0 ? `, not ${beyond.map((root) => `"${root}"`).join(", ")}` : ""}; set what depends on an item in the node`,
          });
        }
      },
    });
  };
  const place = (at: string, steps: readonly (string | number)[]) =>
    `${path}/${at}${steps.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")}`;
  compile(integration.headers ?? {}, "headers");
  compile(integration.query ?? {}, "query");
  const { auth } = integration;
  if (auth !== undefined) {
    compile(auth, "auth");
    if (auth.type === "oauth2") {
      const problem = baseUrlProblem(auth.tokenUrl);
      if (problem !== undefined) problems.push({ path: `${path}/auth/tokenUrl`, reason: problem });
    }
  }
  const common = new Map(
    Object.entries(integration.headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      String(value).trim(),
    ]),
  );
  for (const [name, endpoint] of Object.entries(integration.endpoints)) {
    compile(endpoint.headers ?? {}, `endpoints/${name}/headers`);
    compile(endpoint.query ?? {}, `endpoints/${name}/query`);
    for (const [header, value] of Object.entries(endpoint.headers ?? {})) {
      const present = common.get(header.toLowerCase());
      if (present === undefined || present === String(value).trim()) continue;
      problems.push({
        path: place(`endpoints/${name}/headers`, [header]),
        reason: `the header "${header}" is set by the integration too, with another value; give both the same value or keep one`,
      });
    }
    const inPath = new Set((pathPieces(endpoint.path) ?? []).map(({ parameter }) => parameter));
    for (const [index, parameter] of (endpoint.parameters ?? []).entries()) {
      if (parameter.in !== "path" || inPath.has(parameter.name)) continue;
      problems.push({
        path: place(`endpoints/${name}/parameters`, [index, "name"]),
        reason: `the path ${endpoint.path} has no parameter "${parameter.name}"`,
      });
    }
  }
  return problems;
}
