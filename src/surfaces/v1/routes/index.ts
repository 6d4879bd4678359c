import type { V1Route } from "../route";
import { checkAuthentication, refreshToken } from "./authentication";
import { environmentRoutes } from "./environment";
import { getFlowDiagram } from "./flow-diagram";
import { getKey, insertKey, putKey, removeKey, searchKeys } from "./keystore";
import { optionsRoute } from "./options";
import { changeFlow, changeRecordStatus, moveToFlow } from "./queue";
import {
  getRecord,
  insertRecord,
  removeRecord,
  searchByGet,
  searchByPost,
  searchByPut,
  updateRecord,
} from "./record";
import { deleteDataSchema, getDataSchema, insertDataSchema, updateDataSchema } from "./schema";
import {
  aggregateTable,
  deleteTableRow,
  getTableRow,
  insertTableRow,
  searchTable,
  updateTable,
  upsertTable,
} from "./tables";
import { getWebhook, postWebhook } from "./webhook";

/** Every route of the v1 API. A topic's routes are in a file of their own, and listed here. */
export const routes: readonly V1Route[] = [
  optionsRoute(() => routes),
  checkAuthentication,
  refreshToken,
  getTableRow,
  searchTable,
  aggregateTable,
  upsertTable,
  insertTableRow,
  updateTable,
  deleteTableRow,
  getFlowDiagram,
  postWebhook,
  getWebhook,
  getKey,
  insertKey,
  putKey,
  removeKey,
  searchKeys,
  insertDataSchema,
  getDataSchema,
  updateDataSchema,
  deleteDataSchema,
  insertRecord,
  getRecord,
  updateRecord,
  removeRecord,
  searchByGet,
  searchByPut,
  searchByPost,
  changeRecordStatus,
  moveToFlow,
  changeFlow,
  ...environmentRoutes,
];
