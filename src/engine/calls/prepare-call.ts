import { parseDuration } from "../../domain/duration";
import {
  BODILESS,
  type CallEndpoint,
  type CallMethod,
  hostUrl,
  type IntegrationDefinition,
  pathPieces,
  type RetrySettings,
} from "../../domain/integration";
import { DEFAULT_CALL_TIMEOUT_MS, MAX_CALL_RESPONSE_BYTES, MAX_REDIRECTS } from "../../domain/limits";
import { nearest } from "../../domain/nearest";
import { formats } from "../formats";
import type { PrepareContext, Steps } from "../prepare-context";
import type { Value } from "../value";
import { AUTH_TEXTS } from "./auth";
import { checkParameters } from "./check-parameters";
import type {
  NamedValue,
  Paging,
  PathPiece,
  PreparedAuth,
  PreparedBody,
  PreparedCall,
  ReadAs,
  Retry,
} from "./prepared-call";

/** What an `api` node says of its call, as its schema parsed it. */
export interface CallSettings {
  call: string;
  params?: Record<string, unknown> | undefined;
  headers?: Record<string, unknown> | undefined;
  query?: Record<string, unknown> | undefined;
  body?: { [kind: string]: unknown; root?: string | undefined; contentType?: string | undefined } | undefined;
  read: ReadAs;
  timeout?: string | number | undefined;
  retry?: RetrySettings | undefined;
  paging?: PagingSettings | undefined;
  log?: PreparedCall["log"] | undefined;
}

interface PagingSettings {
  by: "link" | "cursor" | "offset" | "page";
  items?: string | undefined;
  max: number;
  cursor?: string;
  parameter?: string;
  start?: number | undefined;
  size?: number;
  sizeParameter?: string | undefined;
}

/**
 * Puts together what integration, endpoint and node say of a call, and reports what does not fit together. `undefined`
 * when there is no such endpoint.
 */
export function prepareCall(settings: CallSettings, context: PrepareContext): PreparedCall | undefined {
  const [name, endpointName] = settings.call.split(".", 2) as [string, string];
  const integration = context.resource("integration", name, ["call"]);
  if (integration === undefined) return undefined;
  const endpoint = Object.hasOwn(integration.endpoints, endpointName)
    ? integration.endpoints[endpointName]
    : undefined;
  if (endpoint === undefined) {
    const known = Object.keys(integration.endpoints);
    context.problem(
      ["call"],
      `the integration "${name}" has no endpoint "${endpointName}"`,
      nearest(endpointName, known),
    );
    return undefined;
  }
  return new CallPreparation(settings, context, integration, endpoint).prepare();
}

class CallPreparation {
  readonly #settings: CallSettings;
  readonly #context: PrepareContext;
  readonly #integration: IntegrationDefinition;
  readonly #endpoint: CallEndpoint;
  readonly #secrets = new Set<string>();

  constructor(
    settings: CallSettings,
    context: PrepareContext,
    integration: IntegrationDefinition,
    endpoint: CallEndpoint,
  ) {
    this.#settings = settings;
    this.#context = context;
    this.#integration = integration;
    this.#endpoint = endpoint;
  }

  prepare(): PreparedCall {
    const settings = this.#settings;
    const integration = this.#integration;
    const endpoint = this.#endpoint;
    const base = new URL(integration.baseUrl);
    const headers = this.#headers();
    const query = this.#query();
    const idempotency = endpoint.idempotencyKey ?? integration.idempotencyKey ?? true;
    const repeatable = idempotency !== false || !ONCE_ONLY.has(endpoint.method);
    const retry = settings.retry ?? endpoint.retry ?? integration.retry;
    if (retry !== undefined && !repeatable) this.#checkRetry(retry);
    const body = this.#body();
    checkParameters(this.#context, integration, endpoint, settings, headers, query, body);
    const prepared: PreparedCall = {
      name: settings.call,
      integration: integration.integration,
      method: endpoint.method,
      base: `${base.origin}${base.pathname.replace(/\/$/, "")}`,
      hosts: [base.host, ...(integration.hosts ?? []).map(normalHost)],
      path: this.#path(),
      headers,
      query,
      querySeparator: endpoint.querySeparator ?? integration.querySeparator ?? "&",
      body,
      auth: this.#auth(headers, query),
      timeoutMs:
        parseDuration(settings.timeout ?? endpoint.timeout ?? integration.timeout) ?? DEFAULT_CALL_TIMEOUT_MS,
      retry: retry === undefined ? undefined : retryOf(retry),
      redirects: endpoint.redirects ?? integration.redirects ?? MAX_REDIRECTS,
      responseLimit: endpoint.responseLimit ?? integration.responseLimit ?? MAX_CALL_RESPONSE_BYTES,
      idempotencyHeader:
        idempotency === false ? undefined : idempotency === true ? "Idempotency-Key" : idempotency,
      repeatable,
      pool:
        integration.maxConnections === undefined
          ? undefined
          : { size: integration.maxConnections, waitMs: parseDuration(integration.connectionWait) ?? 0 },
      log: settings.log ?? endpoint.log ?? integration.log ?? "full",
      read: settings.read,
      paging: settings.paging === undefined ? undefined : pagingOf(settings.paging),
      secrets: [],
    };
    return { ...prepared, secrets: [...this.#secrets] };
  }

  /** Compiles a text of the node or of the integration, and keeps which secrets it takes. */
  #value(source: unknown, at: Steps): Value {
    const value = this.#context.value(source, at);
    for (const secret of value.names.secrets) this.#secrets.add(secret);
    return value;
  }

  #headers(): NamedValue[] {
    const merged = new Map<string, { name: string; source: unknown; from: string }>();
    const sides = [
      { from: "the integration", headers: this.#integration.headers, at: undefined },
      { from: "the endpoint", headers: this.#endpoint.headers, at: undefined },
      { from: "the node", headers: this.#settings.headers, at: "headers" },
    ];
    const values: NamedValue[] = [];
    for (const { from, headers, at } of sides) {
      for (const [name, source] of Object.entries(headers ?? {})) {
        const steps = at === undefined ? ["call"] : [at, name];
        const present = merged.get(name.toLowerCase());
        if (present === undefined) {
          merged.set(name.toLowerCase(), { name, source, from });
          values.push({ name, value: this.#value(source, steps) });
        } else if (String(present.source).trim() !== String(source).trim()) {
          this.#context.problem(
            steps,
            `the header "${name}" is set by ${present.from} too, with another value; give both the same value or keep one`,
          );
        }
      }
    }
    return values;
  }

  #query(): NamedValue[] {
    const values: NamedValue[] = [];
    for (const { query, at } of [
      { query: this.#integration.query, at: undefined },
      { query: this.#endpoint.query, at: undefined },
      { query: this.#settings.query, at: "query" },
    ]) {
      for (const [name, source] of Object.entries(query ?? {})) {
        values.push({ name, value: this.#value(source, at === undefined ? ["call"] : [at, name]) });
      }
    }
    return values;
  }

  #path(): PathPiece[] {
    const { params = {} } = this.#settings;
    const pieces = pathPieces(this.#endpoint.path) ?? [];
    const wanted = new Set(pieces.flatMap(({ parameter }) => (parameter === undefined ? [] : [parameter])));
    for (const name of Object.keys(params)) {
      if (wanted.has(name)) continue;
      const reason = `the path ${this.#endpoint.path || "/"} has no parameter "${name}"`;
      this.#context.problem(["params", name], reason, nearest(name, wanted));
    }
    return pieces.map(({ text, parameter }) => {
      if (parameter === undefined) return { text };
      if (!Object.hasOwn(params, parameter)) {
        this.#context.problem(
          ["params"],
          `the path ${this.#endpoint.path} needs the parameter "${parameter}"`,
        );
        return { text };
      }
      return {
        text,
        parameter: { name: parameter, value: this.#value(params[parameter], ["params", parameter]) },
      };
    });
  }

  #body(): PreparedBody | undefined {
    const { body } = this.#settings;
    const { method, body: wanted, bodyRequired } = this.#endpoint;
    if (body === undefined) {
      if (bodyRequired === true) this.#context.problem([], "the endpoint needs a body; set `body`");
      return undefined;
    }
    if (BODILESS.has(method)) {
      this.#context.problem(
        ["body"],
        `a ${method} has no body; remove it, or call an endpoint with another method`,
      );
    }
    const kind = (["json", "form", "xml", "text", "base64"] as const).find(
      (each) => body[each] !== undefined,
    );
    if (kind === undefined) return undefined;
    if (wanted !== undefined && wanted !== kind) {
      this.#context.problem(["body"], `the endpoint takes a body of kind \`${wanted}\`, not \`${kind}\``);
    }
    return {
      kind,
      value: this.#value(body[kind], ["body", kind]),
      root: body.root,
      contentType: body.contentType ?? CONTENT_TYPES[kind],
    };
  }

  #auth(headers: readonly NamedValue[], query: readonly NamedValue[]): PreparedAuth | undefined {
    const { auth } = this.#integration;
    if (auth === undefined) return undefined;
    const taken = auth.type === "hmac" ? auth.header : auth.type === "apiKey" ? auth.name : "Authorization";
    const list = auth.type === "apiKey" && auth.in === "query" ? query : headers;
    if (list.some(({ name }) => name.toLowerCase() === taken.toLowerCase())) {
      this.#context.problem(
        ["call"],
        `the integration's \`auth\` sets "${taken}"; remove it from the ${list === query ? "query" : "headers"}`,
      );
    }
    const texts = auth as unknown as Record<string, unknown>;
    const values: Record<string, Value> = {};
    for (const name of AUTH_TEXTS[auth.type]) {
      if (texts[name] !== undefined) values[name] = this.#value(texts[name], ["call"]);
    }
    return { settings: auth, values };
  }

  /** What may be repeated of a call that is not safe to repeat. */
  #checkRetry(retry: RetrySettings): void {
    const { method } = this.#endpoint;
    if (retry.max === 0) return;
    // After these nothing was done on the other side.
    const unsafe = retry.on.filter((result) => result !== "max-connection" && result !== "429");
    if (unsafe.length === 0) return;
    this.#context.problem(
      this.#settings.retry === undefined ? ["call"] : ["retry"],
      `a ${method} without an idempotency key is not safe to repeat on ${unsafe.join(", ")}; switch the key on (idempotencyKey), or retry on 429 and max-connection only`,
    );
  }
}

/** Methods of which twice is not as good as once (RFC 9110, 9.2.2). */
const ONCE_ONLY = new Set<CallMethod>(["POST", "PATCH"]);

/** A named host as URLs have it: lower case, addresses in their plain form, with its port only where one was named. */
function normalHost(host: string): string {
  const port = /:(\d+)$/.exec(host)?.[1];
  const { hostname } = hostUrl(host) ?? { hostname: host };
  return port === undefined ? hostname : `${hostname}:${Number(port)}`;
}

const CONTENT_TYPES: Record<PreparedBody["kind"], string> = {
  json: formats.json.contentType,
  form: formats.form.contentType,
  xml: "application/xml; charset=utf-8",
  text: "text/plain; charset=utf-8",
  base64: "application/octet-stream",
};

function retryOf({ backoff, maxBackoff, ...retry }: RetrySettings): Retry {
  return { ...retry, backoffMs: parseDuration(backoff) ?? 0, maxBackoffMs: parseDuration(maxBackoff) ?? 0 };
}

function pagingOf(settings: PagingSettings): Paging {
  const { by, max } = settings;
  const items = settings.items?.split(".") ?? [];
  switch (by) {
    case "link":
      return { by, max, items };
    case "cursor":
      return {
        by,
        max,
        items,
        cursor: (settings.cursor ?? "").split("."),
        parameter: settings.parameter ?? "",
      };
    default:
      return {
        by,
        max,
        items,
        parameter: settings.parameter ?? "",
        start: settings.start ?? (by === "page" ? 1 : 0),
        size: settings.size ?? 1,
        sizeParameter: settings.sizeParameter,
      };
  }
}
