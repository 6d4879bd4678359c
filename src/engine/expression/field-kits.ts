import * as kit from "./field-kit";

/** A name's own copy of the readers; undefined for a name that arrays or all objects have. */
export type FieldKit = typeof kit;

export function fieldKit(name: string): FieldKit | undefined {
  return name in Array.prototype ? undefined : kit;
}
