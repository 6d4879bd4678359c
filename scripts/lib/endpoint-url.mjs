/**
 * Where an endpoint is triggered. `{ flow }`: at its project and name; `{ alias }`: at its URL alias; `{ legacy }`: the
 * version-10 form, by name only.
 * @typedef {{ flow: string, project?: string } | { alias: string } | { legacy: string }} EndpointTarget
 */

/**
 * @param {string} base
 * @param {string} instance
 * @param {string} project
 * @param {EndpointTarget} target
 */
export function endpointUrl(base, instance, project, target) {
  const names =
    "flow" in target
      ? [target.project ?? project, target.flow]
      : ["alias" in target ? target.alias : target.legacy];
  return `${base}/${[instance, "api", "1", "action", ...names, "trigger"].map(encodeURIComponent).join("/")}`;
}
