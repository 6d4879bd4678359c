/** Milliseconds between looks; a person hardly notices. */
const LOOK_EVERY_MS = 300;

/**
 * Calls back when npm, which started this script, has ended. npm runs scripts through a shell, and a signal sent to npm
 * ends that shell without reaching us. Only under npm: a server started by hand may well outlive its shell.
 * @param {() => void} callback
 */
export function onParentGone(callback) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, LOOK_EVERY_MS);
  timer.unref();
}
