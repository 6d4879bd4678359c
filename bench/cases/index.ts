import type { Case } from "../harness/case.ts";
import { apiCall } from "./api-call.ts";
import { asyncDone, asyncStart } from "./async.ts";
import { exclusive } from "./exclusive.ts";
import { keyed } from "./keyed.ts";
import { keystoreGet } from "./keystore-get.ts";
import { memory } from "./memory.ts";
import { recordInsert } from "./record-insert.ts";
import { recordSearch1m } from "./record-search-1m.ts";
import { sync } from "./sync.ts";
import { syncManyFlows } from "./sync-many-flows.ts";
import { tableGet, tableInsert, tableSearch } from "./table.ts";
import { tableSearch1m } from "./table-search-1m.ts";
import { waiting } from "./waiting.ts";

/** In the order of the table. */
export const CASES: Case[] = [
  sync,
  syncManyFlows,
  keyed,
  exclusive,
  apiCall,
  asyncStart,
  asyncDone,
  waiting,
  tableGet,
  tableSearch,
  tableInsert,
  tableSearch1m,
  keystoreGet,
  recordInsert,
  recordSearch1m,
  memory,
];
