/** Something that the person at the terminal can put right: printed as one sentence, without a stack. */
export class CommandError extends Error {}

/**
 * Runs a script's main function, and turns its end into an exit code.
 * @param {() => Promise<number | undefined | void>} main
 */
export async function run(main) {
  try {
    const code = await main();
    if (typeof code === "number") process.exitCode = code;
  } catch (error) {
    if (error instanceof CommandError) console.error(error.message);
    else console.error(error);
    process.exitCode = 1;
  }
}
