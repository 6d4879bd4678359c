import { parseDocument, stringify, visit } from "yaml";
import { SluiceError } from "../../domain/errors";
import { placeAt, quote } from "../../domain/format-error";
import { parseJson } from "../../domain/json";
import { MAX_JSON_DEPTH, MAX_YAML_ALIASES } from "../../domain/limits";
import { decodeText } from "../../domain/text-encoding";

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
    // The reader recurses; what exhausts its stack is told as the mistake it is.
    if (/call stack/i.test(mistake.message)) throw tooDeep();
    const line = mistake.linePos?.[0];
    const reason =
      mistake.code === "MULTIPLE_DOCS"
        ? "a second document begins here; send each project by itself"
        : firstLine(mistake.message);
    throw notYaml(reason, line?.line, line?.col);
  }
  try {
    visit(document, {
      Scalar(_key, node) {
        if (typeof node.value !== "number" || isKept(node.value, node.source)) return;
        const { line, column } = placeAt(text, node.range?.[0] ?? 0);
        const written = quote(node.source ?? String(node.value));
        throw notYaml(
          `${written} is a number that would not be kept exactly; write it in quotes`,
          line,
          column,
        );
      },
    });
    const value: unknown = document.toJS({ maxAliasCount: MAX_YAML_ALIASES });
    // Through JSON's data model: no dates or maps behind this line, and nothing that contains itself.
    return JSON.parse(JSON.stringify(value));
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    if (cause instanceof RangeError) throw tooDeep();
    // The library tells apart in words only what an alias lacks: an anchor before it, or an end.
    const alias = /^Unresolved alias[^:]*: (.+)$/.exec(cause instanceof Error ? cause.message : "")?.[1];
    if (alias !== undefined) {
      throw notYaml(
        `the alias ${quote(`*${alias}`)} has no anchor before it; write a text that begins with * in quotes`,
      );
    }
    throw new SluiceError(
      "invalid_request",
      `The bundle's YAML has aliases that multiply past ${MAX_YAML_ALIASES} (MAX_YAML_ALIASES), or that contain themselves; write the values out.`,
      { limit: "MAX_YAML_ALIASES" },
      { cause },
    );
  }
}

/** Whether a number is the one that was written. With a fraction or an exponent the author asked for a double. */
function isKept(value: number, source: string | undefined): boolean {
  if (!Number.isFinite(value)) return false;
  return Number.isSafeInteger(value) || !Number.isInteger(value) || /[.eE]/.test(source ?? "");
}

function notYaml(reason: string, line?: number, column?: number): SluiceError {
  const place = line === undefined ? "" : ` (line ${line}, column ${column})`;
  return new SluiceError("invalid_request", `The bundle is not YAML that can be taken${place}: ${reason}.`);
}

function tooDeep(): SluiceError {
  return new SluiceError(
    "invalid_request",
    `The bundle is nested more than ${MAX_JSON_DEPTH} levels deep (MAX_JSON_DEPTH).`,
    { limit: "MAX_JSON_DEPTH" },
  );
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
}

/** A bundle as YAML: long texts in block form, no anchors, so that a review shows what changed. */
export function writeYaml(document: unknown): string {
  return stringify(document, { version: "1.2", aliasDuplicateObjects: false, lineWidth: 110 });
}
