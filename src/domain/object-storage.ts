/** What keeps data of an environment in an object of its own. */
export const STORING_OBJECTS = ["keystore", "webhook"] as const;
export type StoringObject = (typeof STORING_OBJECTS)[number];

/** Which object: a keystore by its id, an inbox by its webhook's name, with `/` and its number if it is not the first shard. */
export interface StoringObjectAddress {
  environmentId: number;
  kind: StoringObject;
  name: string;
}

const NAME = new RegExp(`^e(\\d+)/(${STORING_OBJECTS.join("|")})/(.+)$`, "s");

/** The address in an object's name, `e{environment}/{kind}/{name}`; `undefined` for another one. */
export function storingObjectOf(objectName: string | undefined): StoringObjectAddress | undefined {
  const [, environment, kind, name] = NAME.exec(objectName ?? "") ?? [];
  if (environment === undefined || name === undefined) return undefined;
  return { environmentId: Number(environment), kind: kind as StoringObject, name };
}
