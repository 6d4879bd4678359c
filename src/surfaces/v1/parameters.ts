import { SluiceError } from "../../domain/errors";
import type { HeaderFields } from "../../operations/incoming-call";
import type { V1Parameter } from "./route";

/** The record's identifier: `X-Uuid`, plain `uuid` when deleting (seed). */
export const UUID: V1Parameter = {
  headers: ["x-uuid", "uuid"],
  url: ["uuid"],
  description: "Unique identifier of the data record.",
};

/** The flow, by name or id. */
export const FLOW: V1Parameter = {
  headers: ["x-flow"],
  url: ["flow_name", "flow"],
  description: "Name or id of the flow.",
};

/** When to run: empty for now, or an ATOM date. The seed's own URL form calls it `realtime` once. */
export const EXECUTION_TIME: V1Parameter = {
  headers: ["x-executiontime", "x-realtime"],
  url: ["executiontime", "realtime"],
  description: "When to run, as an ATOM date such as 2005-08-15T15:52:01+00:00; empty or absent: now.",
};

/** Parameters of a URL's query, or of a form in a body. A name is matched in any case. */
export class UrlParameters {
  readonly #values = new Map<string, string[]>();

  add(name: string, value: string): void {
    const key = name.toLowerCase();
    const present = this.#values.get(key);
    if (present === undefined) this.#values.set(key, [value]);
    else present.push(value);
  }

  /** @throws SluiceError invalid_request when the name is there with several values */
  get(name: string): string | undefined {
    const values = this.#values.get(name);
    if (values === undefined) return undefined;
    const [first = ""] = values;
    if (values.some((value) => value !== first)) {
      const reason = "give it once";
      throw new SluiceError("invalid_request", `${name}: ${reason}.`, { problems: [{ path: name, reason }] });
    }
    const trimmed = first.trim();
    return trimmed === "" ? undefined : trimmed;
  }
}

/**
 * The values of a route's parameters. Where credentials came in headers, or a parameter itself did, those of the URL do
 * not count (seed: "If Header parameters are present, URL parameters will be omitted").
 */
export function readParameters(
  declared: Readonly<Record<string, V1Parameter>>,
  headers: HeaderFields,
  url: UrlParameters,
  credentialsInHeaders: boolean,
): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  const names = Object.keys(declared);
  let given = credentialsInHeaders;
  for (const name of names) {
    const value = firstHeader(headers, (declared[name] as V1Parameter).headers);
    values[name] = value;
    if (value !== undefined) given = true;
  }
  for (const name of names) {
    const parameter = declared[name] as V1Parameter;
    if (!given) values[name] = firstOf(url, parameter.url);
    if (values[name] === undefined && parameter.required === true) {
      const place =
        given && parameter.headers.length > 0 ? `header ${parameter.headers[0]}` : parameter.url[0];
      const reason = "it is required";
      throw new SluiceError("invalid_request", `Send the parameter ${place}.`, {
        problems: [{ path: name, reason }],
      });
    }
  }
  return values;
}

function firstHeader(headers: HeaderFields, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headers.get(name)?.trim();
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

function firstOf(url: UrlParameters, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = url.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
