import { SluiceError } from "../../domain/errors";
import type { KeystorePort } from "../../engine/keystore-port";
import type { MaybePromise } from "../../engine/maybe-promise";
import type { TablePort } from "../../engine/table-port";

/** Whether environments have room for more data. */
export interface StorageRoom {
  /** What an isolate knows may be some seconds old. */
  isFull(environmentId: number): MaybePromise<boolean>;
}

/** @throws SluiceError forbidden when all of an environment's storage is in use: nothing more is stored, all else goes on */
export async function requireRoom(room: StorageRoom, environmentId: number): Promise<void> {
  if (!(await room.isFull(environmentId))) return;
  throw new SluiceError(
    "forbidden",
    `The environment's storage is full, so nothing more is stored in it. Delete data, optimize it with POST /v1/environment/${environmentId}/optimize, or add storage with …/upgrade.`,
    { limit: "storage" },
  );
}

/** Tables that take no rows any more when their environment is full; rows can always be read, changed and deleted. */
export function tablesWithRoom(tables: TablePort, room: StorageRoom): TablePort {
  return {
    get: (table, ids) => tables.get(table, ids),
    search: (table, searches) => tables.search(table, searches),
    aggregate: (table, aggregation) => tables.aggregate(table, aggregation),
    async insert(table, rows, step) {
      await requireRoom(room, table.environmentId);
      return tables.insert(table, rows, step);
    },
    async upsert(table, rows, on, step) {
      await requireRoom(room, table.environmentId);
      return tables.upsert(table, rows, on, step);
    },
    update: (table, changes, step) => tables.update(table, changes, step),
    delete: (table, selections, step) => tables.delete(table, selections, step),
  };
}

/** Keystores that take no values any more when their environment is full; keys can always be read and deleted. */
export function keystoresWithRoom(keystores: KeystorePort, room: StorageRoom): KeystorePort {
  return {
    find: (environmentId, name) => keystores.find(environmentId, name),
    async read(store, keys, options) {
      if (options.create !== true) return keystores.read(store, keys, options);
      const found = await keystores.read(store, keys, { ...options, create: false });
      if (!found.includes(undefined)) return found;
      // Those that are missing are about to be made.
      await requireRoom(room, store.environmentId);
      return keystores.read(store, keys, options);
    },
    async write(store, writes, step) {
      if (writes.some(({ kind }) => kind !== "delete")) await requireRoom(room, store.environmentId);
      return keystores.write(store, writes, step);
    },
    search: (store, searches) => keystores.search(store, searches),
    count: (store) => keystores.count(store),
    browse: (store, prefix, after, limit) => keystores.browse(store, prefix, after, limit),
    clear: (store) => keystores.clear(store),
  };
}
