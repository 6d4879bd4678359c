import type { Definitions } from "./library.ts";
export const DATES: Definitions = {};
