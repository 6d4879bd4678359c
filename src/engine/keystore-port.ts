/** The environment's keystores. */
export type KeystorePort = Record<never, never>;
