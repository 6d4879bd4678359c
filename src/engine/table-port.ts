/** The environment's tables. */
export type TablePort = Record<never, never>;
