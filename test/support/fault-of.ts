import { expect } from "vitest";
import { FormatError } from "../../src/domain/format-error";

/** What a reader or writer of a format complains of. */
export function faultOf(run: () => unknown): FormatError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return error as FormatError;
  }
  throw new Error("was accepted");
}
