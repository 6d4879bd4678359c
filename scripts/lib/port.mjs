import { createServer } from "node:net";
import { CommandError } from "./command-error.mjs";

/**
 * The port that `PORT` asks for; 0 for a free one.
 * @param {string | undefined} value
 */
export function portFrom(value, standard = 8787) {
  if (value === undefined || value === "") return standard;
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65_535)
    throw new CommandError(`PORT must be a number from 0 to 65535; it is ${JSON.stringify(value)}.`);
  return port;
}

/**
 * Fails, with a sentence, when a port cannot be had.
 * @param {number} port
 * @returns {Promise<void>}
 */
export function checkPort(port) {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.on("error", (/** @type {NodeJS.ErrnoException} */ error) => {
      const why =
        error.code === "EADDRINUSE" ? "is taken by another program" : `cannot be used (${error.code})`;
      fail(
        new CommandError(
          `Port ${port} ${why}. Choose another one, for example: PORT=8788 npm start (0 takes a free one).`,
        ),
      );
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => done()));
  });
}
