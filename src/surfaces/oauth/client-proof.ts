import { SluiceError } from "../../domain/errors";
import { WRONG_CREDENTIALS } from "../../operations/access/authenticate-call";
import type { ClientProof } from "../../operations/access/oauth";

/**
 * A client's id and secret, by HTTP Basic or in the form (RFC 6749, 2.3.1), never both.
 * @throws SluiceError unauthenticated, invalid_request
 */
export function clientProof(
  authorization: string | null,
  form: ReadonlyMap<string, string>,
): Pick<ClientProof, "clientId" | "clientSecret"> {
  const id = form.get("client_id");
  const secret = form.get("client_secret");
  if (authorization === null) {
    if (id === undefined || secret === undefined) {
      throw new SluiceError(
        "unauthenticated",
        "Send the client's id and secret, by HTTP Basic or as client_id and client_secret in the form.",
      );
    }
    return { clientId: id, clientSecret: secret };
  }
  if (secret !== undefined) {
    throw new SluiceError("invalid_request", "Authenticate by HTTP Basic or in the form, not both.");
  }
  const basic = readBasic(authorization);
  if (basic === undefined || (id !== undefined && id !== basic.clientId)) {
    throw new SluiceError("unauthenticated", WRONG_CREDENTIALS);
  }
  return basic;
}

/** Both parts are form-encoded before they are joined (RFC 6749, 2.3.1). */
function readBasic(authorization: string): { clientId: string; clientSecret: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/_-]+=*)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  try {
    const [, id, secret] = /^([^:]*):(.*)$/s.exec(atob(encoded)) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    return { clientId: formDecoded(id), clientSecret: formDecoded(secret) };
  } catch {
    return undefined;
  }
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}
