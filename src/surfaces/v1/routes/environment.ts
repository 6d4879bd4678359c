import type { V1Route } from "../route";
import { lifeCycleRoutes } from "./environments/life-cycle";
import { hostedProjectRoutes } from "./environments/projects";
import { urlRoutes } from "./environments/urls";

/** The environments chapter of the seed: answers are `{ code, data }`. */
export const environmentRoutes: readonly V1Route[] = [
  ...lifeCycleRoutes,
  ...hostedProjectRoutes,
  ...urlRoutes,
];
