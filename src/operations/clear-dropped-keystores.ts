import { logWarning } from "../domain/operator-log";
import type { KeystorePort } from "../engine/keystore-port";

/** Keystores that were dropped, until their data is gone. */
export interface DroppedKeystores {
  list(environmentId: number): Promise<number[]>;
  forget(environmentId: number, id: number): Promise<void>;
}

export interface ClearServices {
  keystores: KeystorePort;
  droppedKeystores: DroppedKeystores;
}

/**
 * Has the owners of dropped keystores forget their data. Nobody finds it any more once the bundle is applied, so what
 * fails here is done with the next bundle that is.
 */
export async function clearDroppedKeystores(services: ClearServices, environmentId: number): Promise<void> {
  try {
    for (const id of await services.droppedKeystores.list(environmentId)) {
      await services.keystores.clear({ environmentId, id });
      await services.droppedKeystores.forget(environmentId, id);
    }
  } catch (error) {
    logWarning("the data of a dropped keystore is still there", error);
  }
}
