import { z } from "zod";
import { parseDuration } from "../../domain/duration";
import type { Environment } from "../../domain/environment";
import { apiHost, isEnvironmentHost } from "../../domain/environment-host";
import { InterfaceDefinition } from "../../domain/interface";
import { DEFAULT_RATE_WINDOW_MS } from "../../domain/limits";
import { Scope, scopeNames } from "../../domain/scope";
import type { KnownEventToken } from "../../operations/access/authenticate-event-token";
import type { KnownApiKey, KnownInterface, KnownToken } from "../../operations/access/ports";
import type { TokenStore } from "../../operations/access/tokens";

const InterfaceRow = z.object({
  name: z.string(),
  definition: z.string(),
  environment_id: z.number(),
  organization_id: z.number(),
  environment: z.string(),
  client_id: z.string().nullable(),
  client_secret_hash: z.string().nullable(),
  app_key_hash: z.string().nullable(),
});

const TokenRow = z.object({
  hash: z.string(),
  kind: z.enum(["access", "refresh"]),
  family: z.string(),
  client_id: z.string(),
  environment_id: z.number(),
  scopes: z.string().nullable(),
  issued_at: z.number(),
  expires_at: z.number().nullable(),
  spent_at: z.number().nullable(),
});

const INTERFACE = `SELECT r.name, r.definition, e.id AS environment_id, e.organization_id, e.name AS environment,
    c.client_id, c.client_secret_hash, c.app_key_hash
  FROM resources r JOIN environments e ON e.id = r.environment_id
  LEFT JOIN interface_credentials c ON c.environment_id = r.environment_id AND c.interface = r.name
  WHERE r.kind = 'interface' AND r.scope = 0`;

/** The truth about credentials. One statement a question, each by an index. */
export class AccessStore implements TokenStore {
  readonly #db: D1Database;
  readonly #domain: string;

  /** @param domain under which environments have their host names */
  constructor(db: D1Database, domain: string) {
    this.#db = db;
    this.#domain = domain;
  }

  async apiKey(hash: string): Promise<KnownApiKey | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT id, organization_id AS organizationId, kind, expires_at AS expiresAt, revoked_at AS revokedAt
         FROM organization_keys WHERE hash = ?1`,
      )
      .bind(hash)
      .first<KnownApiKey>();
    return row ?? undefined;
  }

  async environmentOf(organizationId: number, host: string): Promise<Environment | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT id, organization_id AS organizationId, name FROM environments
         WHERE organization_id = ?1 AND (host = ?2 OR (is_default = 1 AND ?3)) ORDER BY host IS ?2 DESC LIMIT 1`,
      )
      .bind(organizationId, apiHost(host), isEnvironmentHost(host, this.#domain) ? 0 : 1)
      .first<Environment>();
    return row ?? undefined;
  }

  async environmentAt(host: string): Promise<Environment | undefined> {
    const row = await this.#db
      .prepare("SELECT id, organization_id AS organizationId, name FROM environments WHERE host = ?1")
      .bind(apiHost(host))
      .first<Environment>();
    return row ?? undefined;
  }

  /** By name first: an app key is long and random, so no sane name is one. */
  async interfaceNamed(
    environmentId: number,
    name: string,
    appKeyHash: string,
  ): Promise<KnownInterface | undefined> {
    const row = await this.#db
      .prepare(
        `${INTERFACE} AND r.environment_id = ?1 AND r.name IN (?2, (SELECT interface FROM interface_credentials
         WHERE app_key_hash = ?3 AND environment_id = ?1)) ORDER BY r.name = ?2 DESC LIMIT 1`,
      )
      .bind(environmentId, name, appKeyHash)
      .first();
    return row === null ? undefined : interfaceOf(row);
  }

  async interfaceOfClient(clientId: string): Promise<KnownInterface | undefined> {
    const row = await this.#db.prepare(`${INTERFACE} AND c.client_id = ?1`).bind(clientId).first();
    return row === null ? undefined : interfaceOf(row);
  }

  async find(hash: string): Promise<KnownToken | undefined> {
    const row = await this.#db.prepare("SELECT * FROM oauth_tokens WHERE hash = ?1").bind(hash).first();
    return row === null ? undefined : tokenOf(row);
  }

  async add(tokens: readonly KnownToken[], now: number): Promise<void> {
    await this.#db.batch([...this.#swept(now), ...tokens.map((token) => this.#inserted(token))]);
  }

  async exchange(hash: string, tokens: readonly KnownToken[], now: number): Promise<boolean> {
    const [spent] = await this.#db.batch([
      this.#db
        .prepare(
          "UPDATE oauth_tokens SET spent_at = ?2 WHERE hash = ?1 AND kind = 'refresh' AND spent_at IS NULL",
        )
        .bind(hash, now),
      // Each only when the statement before it changed a row.
      ...tokens.map((token) => this.#inserted(token, "WHERE changes() = 1")),
    ]);
    return spent?.meta.changes === 1;
  }

  async remove(hash: string): Promise<void> {
    await this.#db.prepare("DELETE FROM oauth_tokens WHERE hash = ?1").bind(hash).run();
  }

  async removeFamily(family: string): Promise<void> {
    await this.#db.prepare("DELETE FROM oauth_tokens WHERE family = ?1").bind(family).run();
  }

  async removeClient(clientId: string): Promise<void> {
    await this.#db.prepare("DELETE FROM oauth_tokens WHERE client_id = ?1").bind(clientId).run();
  }

  async eventToken(hash: string): Promise<KnownEventToken | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT t.id, t.kind, t.name, t.expires_at AS expiresAt, t.revoked_at AS revokedAt,
           e.id AS environmentId, e.organization_id AS organizationId, e.name AS environment
         FROM event_tokens t JOIN environments e ON e.id = t.environment_id WHERE t.hash = ?1`,
      )
      .bind(hash)
      .first<
        Omit<KnownEventToken, "environment"> & {
          environmentId: number;
          organizationId: number;
          environment: string;
        }
      >();
    if (row === null) return undefined;
    const { environmentId: id, organizationId, environment: name, ...token } = row;
    return { ...token, environment: { id, organizationId, name } };
  }

  async noteUse(kind: "api_key" | "event_token", id: number, at: number): Promise<void> {
    const table = kind === "api_key" ? "organization_keys" : "event_tokens";
    await this.#db.prepare(`UPDATE ${table} SET last_used_at = ?2 WHERE id = ?1`).bind(id, at).run();
  }

  /** Expired access tokens go whenever new ones come, so that they never pile up. */
  #swept(now: number): D1PreparedStatement[] {
    return [this.#db.prepare("DELETE FROM oauth_tokens WHERE expires_at < ?1").bind(now)];
  }

  #inserted(token: KnownToken, condition = ""): D1PreparedStatement {
    return this.#db
      .prepare(
        `INSERT INTO oauth_tokens (hash, kind, family, environment_id, client_id, scopes, issued_at, expires_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 ${condition}`,
      )
      .bind(
        token.hash,
        token.kind,
        token.family,
        token.environmentId,
        token.clientId,
        token.scopes === null ? null : token.scopes.join(" "),
        token.issuedAt,
        token.expiresAt,
      );
  }
}

function interfaceOf(source: Record<string, unknown>): KnownInterface {
  const row = InterfaceRow.parse(source);
  const { access, scopes, ipAllowList, rateLimit } = InterfaceDefinition.parse(JSON.parse(row.definition));
  const { client_id: clientId, client_secret_hash: clientSecretHash, app_key_hash: appKeyHash } = row;
  return {
    name: row.name,
    environment: { id: row.environment_id, organizationId: row.organization_id, name: row.environment },
    access,
    scopes,
    ipAllowList,
    rateLimit: {
      limit: rateLimit.limit,
      windowMs: parseDuration(rateLimit.window) ?? DEFAULT_RATE_WINDOW_MS,
    },
    credentials:
      clientId === null || clientSecretHash === null || appKeyHash === null
        ? undefined
        : { clientId, clientSecretHash, appKeyHash },
  };
}

function tokenOf(source: Record<string, unknown>): KnownToken {
  const row = TokenRow.parse(source);
  return {
    hash: row.hash,
    kind: row.kind,
    family: row.family,
    clientId: row.client_id,
    environmentId: row.environment_id,
    scopes: row.scopes === null ? null : z.array(Scope).parse(scopeNames(row.scopes)),
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    spentAt: row.spent_at,
  };
}
