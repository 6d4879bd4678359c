import { CONSTANTS_VARIABLE, missingConstant } from "../domain/constants";
import type { Problem } from "../domain/errors";
import type { FlowDefinition } from "../domain/flow";
import type { Json } from "../domain/json";
import { parseJsonPath } from "../domain/json-path";
import { MAX_FLOW_PROBLEMS } from "../domain/limits";
import { INPUT_FIELDS, RUN_FIELDS, SCOPE_NAMES, SECRETS_NAME } from "../domain/names";
import { nearest } from "../domain/nearest";
import type { Shape } from "../domain/shape";
import { readShape, type ShapeNode } from "../domain/shape-source";
import type { CompileContext } from "./compile";
import type { NamesRead } from "./plan";

const ANYTHING: ShapeNode = { kind: "any", optional: true };
const TEXT: ShapeNode = { kind: "string", optional: true };
const NUMBER: ShapeNode = { kind: "number", optional: true };

/** A secret that a flow takes, by name, and where it says so: a JSON Pointer into the flow. */
export interface SecretUse {
  name: string;
  path: string;
}

/** What the graphs of one flow share while they are compiled. */
export class FlowScope {
  readonly context: CompileContext;
  readonly outputShapes: ReadonlyMap<string, Shape>;
  readonly problems: Problem[] = [];
  /** Every node name of the flow with where it stands: names are unique across loops, since expressions use them. */
  readonly nodeNames = new Map<string, string>();
  /** What is known of `input` before any request. */
  readonly input: ShapeNode;
  /** Nodes of the flow itself that wait to be called back. */
  readonly callbacks: readonly string[];
  /** Whether every run of the flow outlives its call, as far as its own endpoint says. */
  readonly durable: boolean;
  /** Secrets that settings take, and where. */
  readonly secrets: SecretUse[] = [];
  nodeCount = 0;
  loopDepth = 0;
  /** Whether some node could not be read, so that what it would have done is unknown. */
  broken = false;
  readonly #known = new Set<string>();
  #omitted = 0;

  /** @param known problems that a schema found in the flow before: what stands there is not complained of again */
  constructor(
    context: CompileContext,
    definition: FlowDefinition,
    outputShapes: ReadonlyMap<string, Shape>,
    known: readonly Problem[],
  ) {
    this.context = context;
    this.outputShapes = outputShapes;
    this.input = inputShape(definition);
    this.callbacks = Object.entries(definition.nodes).flatMap(([name, { type }]) =>
      context.registry.get(type)?.callback === true ? [name] : [],
    );
    const { endpoint } = definition;
    this.durable = endpoint === undefined || endpoint.mode === "async" || endpoint.onTimeout === "handoff";
    for (const { path } of known) this.#known.add(path);
  }

  /** Whether the schema had a complaint at this very place. */
  isKnown(path: string): boolean {
    return this.#known.has(path);
  }

  report(problem: Problem): void {
    if (this.#known.has(problem.path)) return;
    if (this.problems.length < MAX_FLOW_PROBLEMS) this.problems.push(problem);
    else this.#omitted += 1;
  }

  /** Reports a name that does not exist, with the nearest that does. */
  reportName(path: string, reason: string, name: string, candidates: Iterable<string>): void {
    const closest = this.problems.length < MAX_FLOW_PROBLEMS ? nearest(name, candidates) : undefined;
    this.report({ path, reason, ...(closest === undefined ? {} : { nearest: closest }) });
  }

  /** Reports what a schema found; later complaints about the same places would only repeat it. */
  reportSchema(problems: readonly Problem[]): void {
    for (const problem of problems) this.report(problem);
    for (const { path } of problems) this.#known.add(path);
  }

  /** Constants that an expression reads must be there. @returns whether they are */
  checkConstants(names: NamesRead, path: string): boolean {
    const { constants, constantRead } = this.context;
    if (constants === undefined) return names.constants.size === 0;
    let found = true;
    for (const name of names.constants) {
      if (name === "") for (const each of Object.keys(constants)) constantRead?.(each);
      else if (Object.hasOwn(constants, name)) constantRead?.(name);
      else {
        found = false;
        this.reportName(path, missingConstant(name), name, Object.keys(constants));
      }
    }
    return found;
  }

  /** What is known of the project's constants: they have the same values in every run. */
  constantShapes(names: NamesRead): ReadonlyMap<string, ShapeNode> {
    const { constants } = this.context;
    if (constants === undefined || names.constants.size === 0) return new Map();
    return new Map([[CONSTANTS_VARIABLE, shapeOfJson(constants)]]);
  }

  /** All problems, with a last one that says how many more there are. */
  takeProblems(): Problem[] {
    if (this.#omitted > 0) {
      this.problems.push({
        path: "",
        reason: `${this.#omitted} more problems of this flow are not listed (MAX_FLOW_PROBLEMS)`,
      });
      this.#omitted = 0;
    }
    return this.problems;
  }

  /** The shape of what an expression sees: of nodes nothing is known but that they may be there. */
  shapeOf(names: NamesRead): ShapeNode {
    const known = new Map<string, ShapeNode>();
    for (const name of SCOPE_NAMES) known.set(name, ANYTHING);
    for (const name of names.all ? this.nodeNames.keys() : names.roots) known.set(name, ANYTHING);
    if (names.secrets.size > 0) known.set(SECRETS_NAME, ANYTHING);
    known.set("input", this.input);
    known.set("run", runShape(this.callbacks));
    return fields(known);
  }
}

/** The shape of a value that is known. */
function shapeOfJson(value: Json): ShapeNode {
  if (typeof value === "string") return { kind: "string", optional: false };
  if (typeof value === "number") return { kind: "number", optional: false };
  if (typeof value === "boolean") return { kind: "boolean", optional: false };
  if (value === null) return ANYTHING;
  // Elements may differ.
  if (Array.isArray(value)) return { kind: "list", optional: false, item: ANYTHING };
  return fields(new Map(Object.entries(value).map(([name, each]) => [name, shapeOfJson(each)])));
}

function runShape(callbacks: readonly string[]): ShapeNode {
  const known = new Map<string, ShapeNode>();
  for (const name of RUN_FIELDS) known.set(name, name === "remaining" ? NUMBER : TEXT);
  if (callbacks.length > 0) known.set("callbacks", fields(new Map(callbacks.map((name) => [name, TEXT]))));
  return fields(known);
}

const PARSED = new Set<string>(["json", "xml", "form", "query", "header"]);

function inputShape({ input, endpoint }: FlowDefinition): ShapeNode {
  const known = new Map<string, ShapeNode>();
  for (const name of INPUT_FIELDS) known.set(name, PARSED.has(name) ? ANYTHING : TEXT);
  if (input?.query !== undefined) known.set("query", readShape(input.query, []));
  if (input?.body !== undefined) {
    const body = readShape(input.body, []);
    const records = endpoint?.records;
    // Records that travel one by one have the declared shape each, somewhere inside the body.
    if (records === undefined) known.set("json", body);
    else if (parseJsonPath(records)?.length === 0) {
      known.set("json", { kind: "list", optional: false, item: body });
    }
  }
  return fields(known);
}

function fields(known: ReadonlyMap<string, ShapeNode>): ShapeNode {
  return {
    kind: "fields",
    optional: false,
    fields: [...known].map(([name, shape]) => ({ name, shape })),
  };
}
