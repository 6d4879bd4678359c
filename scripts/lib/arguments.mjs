import { parseArgs } from "node:util";
import { CommandError } from "./command-error.mjs";

/**
 * Reads the arguments of a command that takes one folder and options. A wrong one is answered with the usage.
 * @template {import("node:util").ParseArgsOptionsConfig} Options
 * @param {Options} options as `parseArgs` takes them
 * @param {string} usage how the command is called
 */
export function readArguments(options, usage) {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(". ", 1)[0] : String(error);
    throw new CommandError(`${reason}. Usage: ${usage}`);
  }
  const [folder] = parsed.positionals;
  if (folder === undefined || parsed.positionals.length > 1) throw new CommandError(`Usage: ${usage}`);
  return { values: parsed.values, folder };
}
