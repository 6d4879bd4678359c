import type { Json } from "../../../domain/json";
import type { RecordSchemas, StoredSchema } from "../../../operations/records/ports";

/** Data schemas in D1, one for each environment. */
export class D1RecordSchemas implements RecordSchemas {
  readonly #db: D1Database;

  constructor(db: D1Database) {
    this.#db = db;
  }

  async find(environmentId: number): Promise<StoredSchema | undefined> {
    const row = await this.#db
      .prepare(
        `SELECT o.name AS customer, s.schema, s.data_record, s.url, s.created_at, s.modified_at
         FROM record_schemas s JOIN organizations o ON o.id = s.organization_id WHERE s.environment_id = ?1`,
      )
      .bind(environmentId)
      .first<{
        customer: string;
        schema: string;
        data_record: string;
        url: string;
        created_at: number;
        modified_at: number;
      }>();
    if (row === null) return undefined;
    return {
      customer: row.customer,
      schema: JSON.parse(row.schema) as Json,
      dataRecord: JSON.parse(row.data_record) as Json,
      url: row.url,
      createdAt: row.created_at,
      modifiedAt: row.modified_at,
    };
  }

  async insert(
    { id, organizationId }: { id: number; organizationId: number },
    { schema, dataRecord, url, createdAt, modifiedAt }: Omit<StoredSchema, "customer">,
  ): Promise<boolean> {
    const { meta } = await this.#db
      .prepare(
        `INSERT INTO record_schemas (environment_id, organization_id, schema, data_record, url, created_at, modified_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING`,
      )
      .bind(
        id,
        organizationId,
        JSON.stringify(schema),
        JSON.stringify(dataRecord),
        url,
        createdAt,
        modifiedAt,
      )
      .run();
    return meta.changes > 0;
  }

  async update(
    environmentId: number,
    { schema, dataRecord, url, modifiedAt }: Omit<StoredSchema, "createdAt" | "customer">,
  ): Promise<number | undefined> {
    const row = await this.#db
      .prepare(
        `UPDATE record_schemas SET schema = ?2, data_record = ?3, url = ?4, modified_at = ?5 WHERE environment_id = ?1
         RETURNING created_at`,
      )
      .bind(environmentId, JSON.stringify(schema), JSON.stringify(dataRecord), url, modifiedAt)
      .first<{ created_at: number }>();
    return row?.created_at;
  }

  async remove(environmentId: number): Promise<boolean> {
    const { meta } = await this.#db
      .prepare("DELETE FROM record_schemas WHERE environment_id = ?1")
      .bind(environmentId)
      .run();
    return meta.changes > 0;
  }
}
