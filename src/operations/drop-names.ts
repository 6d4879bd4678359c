import { type Problem, SluiceError } from "../domain/errors";
import { nearest } from "../domain/nearest";
import { RESOURCES } from "../domain/resource";
import type { TableDefinition } from "../domain/table";
import type { StoredResource } from "./ports";

/*
 * What an applied bundle may lose is confirmed by name (`?drop=`): `table:users`, `column:users.email`, `keystore:weather`.
 */

/** Warnings about names that one answer has; the rest is counted. */
const MAX_WARNINGS = 20;

const FORMS = [/^table:.+$/, /^column:[^.]+\..+$/, /^keystore:.+$/];

/**
 * Reads a list of names, separated by commas.
 * @throws SluiceError invalid_request naming what cannot be the name of anything that has data
 */
export function readDropNames(text: string): string[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const problems = names
    .filter((name) => !FORMS.some((form) => form.test(name)))
    .map((name) => ({
      path: "drop",
      reason: `${shown(name)} names nothing that has data: write table:users, column:users.email or keystore:weather`,
    }));
  const [first] = problems;
  if (first === undefined) return names;
  throw new SluiceError("invalid_request", `drop: ${first.reason}.`, {
    problems: problems.slice(0, MAX_WARNINGS),
  });
}

/** Names of all that a project keeps data in. */
export function droppable(resources: readonly StoredResource[]): string[] {
  return resources
    .filter(({ kind }) => RESOURCES[kind].keepsData)
    .flatMap(({ kind, name, definition }) => [
      `${kind}:${name}`,
      ...(kind === "table"
        ? Object.keys((definition as TableDefinition).columns).map((column) => `column:${name}.${column}`)
        : []),
    ]);
}

/** The names that one apply was given, and which of them it had a use for. */
export class DropNames {
  readonly #names: ReadonlySet<string>;
  readonly #used = new Set<string>();

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  /** Whether this may be lost. Only of what an apply loses, or may lose, is it asked, so that the rest is known to be without use. */
  confirms(name: string): boolean {
    if (!this.#names.has(name)) return false;
    this.#used.add(name);
    return true;
  }

  /**
   * Names that nothing was lost of. No errors: an apply that is repeated after it succeeded gives them again.
   * @param present what the project had before
   */
  warnings(present: readonly StoredResource[], publish: boolean): Problem[] {
    const unused = [...this.#names].filter((name) => !this.#used.has(name) && !this.#goesWithTable(name));
    if (unused.length === 0) return [];
    const known = new Set(droppable(present));
    const warnings = unused.slice(0, MAX_WARNINGS).map((name) => this.#warning(name, known, publish));
    const more = unused.length - warnings.length;
    if (more > 0) warnings.push({ path: "drop", reason: `nothing is lost of ${more} more names` });
    return warnings;
  }

  #warning(name: string, known: ReadonlySet<string>, publish: boolean): Problem {
    const nothing = `nothing is lost of ${shown(name)}`;
    if (!publish) return { path: "drop", reason: `${nothing}: drafts change no resources` };
    if (known.has(name)) return { path: "drop", reason: `${nothing}: the bundle keeps its data` };
    const closest = nearest(name, known);
    return {
      path: "drop",
      reason: `${nothing}: the project has no such thing`,
      ...(closest === undefined ? {} : { nearest: closest }),
    };
  }

  /** Whether it is a column of a table that goes as a whole. */
  #goesWithTable(name: string): boolean {
    const table = /^column:([^.]+)\./.exec(name)?.[1];
    return table !== undefined && this.#used.has(`table:${table}`);
  }
}

function shown(name: string): string {
  return JSON.stringify(name.length <= 120 ? name : `${name.slice(0, 120)}…`);
}
