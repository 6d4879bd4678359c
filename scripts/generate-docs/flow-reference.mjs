import { stringify } from "yaml";
import { code, GENERATED, table } from "./markdown.mjs";
import { settingsTable } from "./settings.mjs";

/** Settings that every node has, whatever its type. */
const SHARED = ["type", "description", "next", "results"];

/** Types whose results depend on their settings. */
const OWN_RESULTS = new Set(["branch", "flow"]);

/**
 * docs/flow-reference.md: everything that may stand in a flow, from the schemas that check it.
 * @param {import("./model.mjs").Model} model
 */
export function flowReference(model) {
  const { z, registry, formats } = model;
  const schema = (/** @type {unknown} */ of) => z.toJSONSchema(of, { io: "input", unrepresentable: "any" });
  const types = [...registry.values()];
  return `${GENERATED}

# Flow reference

Everything that may stand in a flow. [Concepts](concepts.md) says how flows work, [values](values.md) what a setting may
hold, [shapes](shapes.md) how data is described. Expressions see the project's constants as \`$constants.name\`
([constants](values.md#constants)). A setting that is not listed is refused when the flow is applied.

The same as a JSON Schema, for editors: \`/schemas/bundle.json\` of a running server. It describes a bundle; a flow is an
element of its \`flows\`.

## A flow

${settingsTable(schema(model.FlowDefinition))}

## Endpoint

Makes a flow callable over HTTP; see [the action API](action-api.md).

${settingsTable(schema(model.EndpointSettings))}

## Input

What a caller must send. Wrong input is answered with 400 before anything runs.

${settingsTable(schema(model.InputDeclaration))}

## Nodes

Settings that every node has:

${settingsTable(schema(model.NodeDefinition), { names: SHARED })}

A result leads to the name of a node, to a list of names (each gets its own copy of the items), to \`flow:name\` (another
flow goes on from there and answers), to \`end\` (the items are dropped) or, inside a loop, to \`return\`. Every result that
is not marked as optional must lead somewhere. Every node but \`error\` also has the result \`error\`; where that leads
nowhere, an item that fails fails its record.

A node's name starts with a letter and has only letters, digits, \`-\` and \`_\`. Names are unique in a flow, inside loops too.

${table(
  ["type", "what it does"],
  types.map(({ type, summary }) => [`[\`${type}\`](#${type.replaceAll(".", "")})`, summary]),
)}
${types.map((type) => nodeSection(type, schema)).join("")}
## Formats

Options of the nodes \`parse\` and \`format\`, by format.
${Object.entries(formats)
  .map(([name, { contentType, parseOptions, formatOptions }]) =>
    formatSection(name, contentType, schema(parseOptions), schema(formatOptions)),
  )
  .join("")}`;
}

/**
 * @param {import("./model.mjs").DocumentedNode} type
 * @param {(of: unknown) => Record<string, any>} schema
 */
function nodeSection(type, schema) {
  const settings = Object.fromEntries(
    Object.entries(type.example).filter(([name]) => !SHARED.includes(name)),
  );
  const results = type.results(type.config.parse(settings), { flowOutputs: () => ["quote", "problem"] });
  const notes = [
    type.ports === undefined
      ? ""
      : `Inputs: ${type.ports.map(code).join(" and ")}, written ${code(`to-this-node.${type.ports[0]}`)}.`,
    type.inLoops === false ? "Not inside a loop." : "",
  ].filter(Boolean);
  const rows = results.map(({ name, description, optional }) => [
    code(name),
    optional === true ? "optional" : "",
    description,
  ]);
  if (type.hasError !== false)
    rows.push([code("error"), "optional", "Items that failed; `last` has `code`, `message` and `node`."]);
  return `
### ${type.type}

${[type.summary, ...notes].join(" ")}

${settingsTable(schema(type.config))}

${rows.length === 0 ? "It has no results." : table([OWN_RESULTS.has(type.type) ? "result, in the example" : "result", "", "items"], rows)}

\`\`\`yaml
${stringify({ example: type.example }, { lineWidth: 110, flowCollectionPadding: true }).trim()}
\`\`\`
`;
}

/**
 * @param {string} name
 * @param {string} contentType
 * @param {Record<string, any>} reading
 * @param {Record<string, any>} writing
 */
function formatSection(name, contentType, reading, writing) {
  const options = (/** @type {Record<string, any>} */ of) =>
    Object.keys(of.properties ?? {}).length === 0 ? " none." : `\n\n${settingsTable(of)}`;
  return `
### ${name}

${code(contentType)}

Options of \`parse\`:${options(reading)}

Options of \`format\`:${options(writing)}
`.replace(/\n{3,}/g, "\n\n");
}
