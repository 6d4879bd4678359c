import type { NodeRegistry, NodeType } from "../engine/node-type";
import { aggregate } from "./aggregate";
import { api } from "./api";
import { branch } from "./branch";
import { calculate } from "./calculate";
import { debug } from "./debug";
import { delay } from "./delay";
import { error } from "./error";
import { filter } from "./filter";
import { flow } from "./flow";
import { forEach } from "./for-each";
import { keystoreDelete } from "./keystore-delete";
import { keystoreGet } from "./keystore-get";
import { keystoreSearch } from "./keystore-search";
import { keystoreInsert, keystoreSet } from "./keystore-write";
import { merge } from "./merge";
import { output } from "./output";
import { format, parse } from "./parse";
import { repeat } from "./repeat";
import { respond } from "./respond";
import { sort } from "./sort";
import { split } from "./split";
import { tableGet } from "./table-get";
import { tableInsert, tableUpsert } from "./table-insert";
import { tableSearch } from "./table-search";
import { tableDelete, tableUpdate } from "./table-update";
import { wait } from "./wait";

/** Every node type. A new one is a file and a line here. */
const TYPES = [
  calculate,
  filter,
  branch,
  split,
  aggregate,
  sort,
  merge,
  forEach,
  repeat,
  flow,
  api,
  parse,
  format,
  keystoreGet,
  keystoreSet,
  keystoreInsert,
  keystoreDelete,
  keystoreSearch,
  tableGet,
  tableSearch,
  tableInsert,
  tableUpdate,
  tableDelete,
  tableUpsert,
  delay,
  wait,
  debug,
  error,
  output,
  respond,
] as unknown as readonly NodeType[];

export const registry: NodeRegistry = new Map(TYPES.map((type) => [type.type, type]));
