import { parseDocument, stringify } from "yaml";
import { SluiceError } from "../../domain/errors";
import { parseJson } from "../../domain/json";
import { decodeText } from "../../domain/text-encoding";

/** Aliases that a YAML document may use: they multiply, so a small text could make a huge value. */
const MAX_YAML_ALIASES = 100;

/**
 * Reads a bundle as JSON or YAML 1.2, as its content type says; without one both are tried.
 * @throws SluiceError, FormatError with the place of the first mistake
 */
export function readDocument(bytes: Uint8Array, contentType: string | null): unknown {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const text = decodeText(bytes, contentType);
  if (text.trim() === "")
    throw new SluiceError("invalid_request", "The body is empty; send the bundle as JSON or YAML.");
  if (type === "application/json" || type.endsWith("+json")) return parseJson(text, "The bundle");
  if (
    type !== "" &&
    ![
      "application/yaml",
      "application/x-yaml",
      "text/yaml",
      "text/x-yaml",
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/octet-stream",
    ].includes(type) &&
    !type.endsWith("+yaml")
  ) {
    throw new SluiceError(
      "unsupported_media_type",
      "Send the bundle as application/json or application/yaml.",
    );
  }
  // JSON is YAML, but its own reader has better messages for it.
  if (text.trimStart().startsWith("{")) return parseJson(text, "The bundle");
  return readYaml(text);
}

function readYaml(text: string): unknown {
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: true,
  });
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const line = mistake.linePos?.[0];
    throw new SluiceError(
      "invalid_request",
      `The bundle is not YAML${line === undefined ? "" : ` (line ${line.line}, column ${line.col})`}: ${firstLine(mistake.message)}`,
    );
  }
  try {
    // Through JSON's data model: no dates, maps or cyclic aliases behind this line.
    return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: MAX_YAML_ALIASES })));
  } catch {
    throw new SluiceError(
      "invalid_request",
      `The bundle's YAML has aliases that multiply past ${MAX_YAML_ALIASES}, or that contain themselves.`,
    );
  }
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
}

/** A bundle as YAML: long texts in block form, no anchors, so that a review shows what changed. */
export function writeYaml(document: unknown): string {
  return stringify(document, { version: "1.2", aliasDuplicateObjects: false, lineWidth: 110 });
}
