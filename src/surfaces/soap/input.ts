import { type Problem, SluiceError } from "../../domain/errors";
import type { XmlElement } from "../../operations/xml-element";
import { type FieldPath, OBJECTS, type ObjectName, OPERATIONS, type SoapOperation } from "./description";
import { plainAttribute, type SoapRequest } from "./envelope";

/** The fields of a request by their paths. */
export class SoapInput {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** A field, trimmed; an empty one counts as missing. */
  get(path: FieldPath): string | undefined {
    const value = this.#values.get(path)?.trim();
    return value === "" ? undefined : value;
  }

  /** A field as it came, with its white space. */
  exactly(path: FieldPath): string {
    return this.#values.get(path) ?? "";
  }

  /** @throws SluiceError invalid_request */
  require(path: FieldPath): string {
    const value = this.get(path);
    if (value === undefined) throw incomplete([path]);
    return value;
  }
}

/**
 * Reads the parameter `input` of a call by the description of its operation. Takes structs in any order, structs as
 * lists of `item` with `key` and `value` (PHP's maps, without a WSDL), and elements that point at others (`href`).
 * @throws SluiceError invalid_request that names each field which is unknown, twice or no text
 */
export function readInput({ operation, call, byId }: SoapRequest): SoapInput {
  const { objects, fields } = OPERATIONS[operation] as SoapOperation;
  const inputs = call.children.filter(({ name }) => name === "input");
  const [first] = inputs;
  if (first === undefined || inputs.length > 1) {
    throw new SluiceError("invalid_request", `${operation} has one parameter, the element \`input\`.`);
  }
  const values = new Map<string, string>();
  const problems: Problem[] = [];
  const follow = (element: XmlElement) => pointedAt(element, byId);
  const read = (path: string, element: XmlElement) => {
    if (values.has(path)) problems.push({ path, reason: "give it once" });
    else if (element.children.length > 0) problems.push({ path, reason: "is a text" });
    else if (!isNil(element)) values.set(path, element.text);
  };
  const seen = new Set<string>();
  for (const [name, element] of membersOf(follow(first))) {
    if ((fields as readonly string[]).includes(name)) read(name, follow(element));
    else if (!(objects as readonly string[]).includes(name))
      problems.push(unknown(name, [...objects, ...fields]));
    else if (seen.has(name)) problems.push({ path: name, reason: "give it once" });
    else {
      seen.add(name);
      const known: readonly string[] = OBJECTS[name as ObjectName];
      for (const [field, value] of membersOf(follow(element))) {
        if (known.includes(field)) read(`${name}.${field}`, follow(value));
        else problems.push(unknown(`${name}.${field}`, known));
      }
    }
  }
  if (problems.length > 0) throw wrong(problems);
  return new SoapInput(values);
}

/** @throws SluiceError invalid_request that names all that are missing */
export function checkRequired(operation: SoapOperation, input: SoapInput): void {
  const missing = operation.required.filter((path) => input.get(path) === undefined);
  if (missing.length > 0) throw incomplete(missing);
}

function incomplete(paths: readonly string[]): SluiceError {
  return wrong(paths.map((path) => ({ path, reason: "it is required" })));
}

/** Problems that a message shows; the fault's detail has all. */
const SHOWN = 3;

function wrong(problems: Problem[]): SluiceError {
  const shown = problems.slice(0, SHOWN).map(({ path, reason }) => `${path}: ${reason}`);
  const more = problems.length > SHOWN ? `, and ${problems.length - SHOWN} more` : "";
  return new SluiceError("invalid_request", `The request is wrong: ${shown.join("; ")}${more}.`, {
    problems: problems.slice(0, 20),
  });
}

function unknown(path: string, known: readonly string[]): Problem {
  return { path: path.slice(0, 100), reason: `there is no such field; there are ${known.join(", ")}` };
}

/** Members of a struct. Headers that the seed's first sample puts inside `input` are read with the others. */
function membersOf(element: XmlElement): [string, XmlElement][] {
  const { children } = element;
  if (children.length > 0 && children.every(isMapItem)) {
    return children.map((item) => {
      const [key, value] = ["key", "value"].map((name) => item.children.find((child) => child.name === name));
      return [(key as XmlElement).text.trim(), value as XmlElement];
    });
  }
  return children.filter(({ name }) => name !== "Header").map((child) => [child.name, child]);
}

function isMapItem({ name, children }: XmlElement): boolean {
  return (
    name === "item" &&
    children.length === 2 &&
    ["key", "value"].every((wanted) => children.some((child) => child.name === wanted))
  );
}

/** One step is followed: what is pointed at holds its value itself. */
function pointedAt(element: XmlElement, byId: ReadonlyMap<string, XmlElement>): XmlElement {
  const href = plainAttribute(element, "href");
  const target = href === undefined ? plainAttribute(element, "ref") : href.replace(/^#/, "");
  return (target === undefined ? undefined : byId.get(target)) ?? element;
}

const XSI = "http://www.w3.org/2001/XMLSchema-instance";

function isNil({ attributes }: XmlElement): boolean {
  return attributes.some(
    ({ name, namespace, value }) =>
      name === "nil" && namespace === XSI && ["1", "true"].includes(value.trim()),
  );
}
