import type { SiteFile } from "../../domain/site";
import type { SiteFiles } from "../../operations/sites/ports";

/** Bytes of one row of a file: a row ends at 2 MB. */
const PART_BYTES = 1024 * 1024;

const FILE = "path, content_type AS contentType, size, hash, updated_at AS updatedAt";
const PLACE = "environment_id = ?1 AND project_id = ?2 AND site = ?3";

/** Files in D1, in parts. A file's row and its parts change in one transaction, so that no reader sees half of one. */
export class D1SiteFiles implements SiteFiles {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async find(
    environmentId: number,
    projectId: number,
    site: string,
    path: string,
  ): Promise<SiteFile | undefined> {
    const row = await this.#db
      .prepare(`SELECT ${FILE} FROM project_files WHERE ${PLACE} AND path = ?4`)
      .bind(environmentId, projectId, site, path)
      .first<SiteFile>();
    return row ?? undefined;
  }

  async read(
    environmentId: number,
    projectId: number,
    site: string,
    { path, hash }: Pick<SiteFile, "path" | "hash">,
    start: number,
    end: number,
  ): Promise<Uint8Array | undefined> {
    const first = Math.floor(start / PART_BYTES);
    const { results } = await this.#db
      .prepare(
        `SELECT p.part, p.bytes FROM project_files f JOIN project_file_parts p ON p.file_id = f.id
         WHERE f.environment_id = ?1 AND f.project_id = ?2 AND f.site = ?3 AND f.path = ?4 AND f.hash = ?7
           AND p.part BETWEEN ?5 AND ?6
         ORDER BY p.part`,
      )
      .bind(
        environmentId,
        projectId,
        site,
        path,
        first,
        Math.floor(Math.max(start, end - 1) / PART_BYTES),
        hash,
      )
      .all<{ part: number; bytes: number[] }>();
    const whole = new Uint8Array(end - start);
    let filled = 0;
    for (const { part, bytes } of results) {
      const from = Math.max(0, start - part * PART_BYTES);
      const piece = Uint8Array.from(bytes).subarray(from, Math.max(from, end - part * PART_BYTES));
      whole.set(piece, filled);
      filled += piece.length;
    }
    return filled === whole.length ? whole : undefined;
  }

  async list(
    environmentId: number,
    projectId: number,
    site: string,
    limit: number,
    after: string | undefined,
  ): Promise<SiteFile[]> {
    const { results } = await this.#db
      .prepare(`SELECT ${FILE} FROM project_files WHERE ${PLACE} AND path > ?4 ORDER BY path LIMIT ?5`)
      .bind(environmentId, projectId, site, after ?? "", limit)
      .all<SiteFile>();
    return results;
  }

  async count(environmentId: number, projectId: number): Promise<number> {
    const row = await this.#db
      .prepare("SELECT count(*) AS n FROM project_files WHERE environment_id = ?1 AND project_id = ?2")
      .bind(environmentId, projectId)
      .first<{ n: number }>();
    return row?.n ?? 0;
  }

  async put(
    environmentId: number,
    projectId: number,
    site: string,
    { path, contentType, size, hash, updatedAt }: SiteFile,
    bytes: Uint8Array,
  ): Promise<void> {
    const place = [environmentId, projectId, site, path] as const;
    const statements = [
      this.#db.prepare(`DELETE FROM project_files WHERE ${PLACE} AND path = ?4`).bind(...place),
      this.#db
        .prepare(
          `INSERT INTO project_files (environment_id, project_id, site, path, content_type, size, hash, updated_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`,
        )
        .bind(...place, contentType, size, hash, updatedAt),
    ];
    for (let part = 0; part * PART_BYTES < bytes.length; part += 1) {
      statements.push(
        this.#db
          .prepare(
            `INSERT INTO project_file_parts (file_id, part, bytes)
             SELECT id, ?5, ?6 FROM project_files WHERE ${PLACE} AND path = ?4`,
          )
          .bind(...place, part, bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES)),
      );
    }
    await this.#db.batch(statements);
  }

  async remove(environmentId: number, projectId: number, site: string, path: string): Promise<boolean> {
    const { meta } = await this.#db
      .prepare(`DELETE FROM project_files WHERE ${PLACE} AND path = ?4`)
      .bind(environmentId, projectId, site, path)
      .run();
    return meta.changes > 0;
  }
}
