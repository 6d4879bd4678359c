import { nameSchema } from "./names";

/** Name of a secret, unique in its environment: the `KeyName` of `${_datasource.KeyName}` (seed 001, step 11). */
export const SecretName = nameSchema("secret's name").meta({ id: "SecretName" });
