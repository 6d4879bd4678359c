/** Calls to other systems. */
export type OutgoingPort = Record<never, never>;
