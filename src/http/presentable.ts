import { HTTPException } from "hono/http-exception";
import { SluiceError } from "../domain/errors";
import { logError } from "../domain/operator-log";

/**
 * The error as one that a caller may see. Whatever is no `SluiceError` is a bug or a failure of the platform: it goes
 * into the operators' log under the request's id, and the caller gets that id alone.
 */
export function presentable(error: unknown, request: Request, id: string): SluiceError {
  if (error instanceof SluiceError) return error;
  if (error instanceof HTTPException && error.status < 500) {
    return new SluiceError("invalid_request", `The request cannot be read: ${error.message}.`);
  }
  logError("unexpected error", error, {
    requestId: id,
    method: request.method,
    path: new URL(request.url).pathname,
  });
  return new SluiceError("internal", `Something inside Sluice failed; quote the request id ${id}.`);
}
