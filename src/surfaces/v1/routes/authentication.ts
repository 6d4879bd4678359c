import { credentialHash } from "../../../domain/credential";
import { SluiceError } from "../../../domain/errors";
import { clientOf } from "../../../operations/access/authenticate-call";
import { issueTokens, renewAccess } from "../../../operations/access/tokens";
import { defineV1Route, ok, type V1Call, type V1Parameter } from "../route";

const GRANT_TYPE: V1Parameter = {
  headers: ["grant_type", "grant-type", "x-grant-type"],
  url: [],
  description: "The one grant there is: client_credentials.",
  required: true,
};
const REFRESH_TOKEN: V1Parameter = {
  headers: ["refresh_token", "refresh-token", "x-refresh-token"],
  url: [],
  description: "A refresh token that checkauthentication gave.",
  required: true,
};

/** Tokens answer once and to one client: nothing on the way may keep them (RFC 6749, 5.1). */
const KEEP_NOTHING = { "cache-control": "no-store" };

const seconds = (ms: number): number => Math.floor(ms / 1_000);

/** @throws SluiceError invalid_request */
function checkGrant(grant: string | undefined): void {
  if (grant === "client_credentials") return;
  const reason = "the only grant type is client_credentials";
  throw new SluiceError("invalid_request", `grant_type: ${reason}.`, {
    problems: [{ path: "grant_type", reason }],
  });
}

/** The interface whose credentials opened this call. */
function caller({ credentials, services }: V1Call) {
  if (credentials.form !== "client") throw new Error("only a client's credentials open this route");
  return clientOf(services, credentials.clientId, credentials.clientSecret);
}

/** Checks the credentials, and gives tokens (seed: Check Authentication). */
export const checkAuthentication = defineV1Route({
  method: "GET",
  path: "/v1/checkauthentication",
  summary: "Get an access token for client credentials",
  tag: "v1: authentication",
  authority: "client",
  parameters: { grant: GRANT_TYPE },
  body: "none",
  safe: false,
  async handle(call) {
    checkGrant(call.parameters.grant);
    const client = await caller(call);
    const issued = await issueTokens(call.services, client, null);
    return ok(
      {
        access_token: issued.accessToken,
        token_type: "bearer",
        refresh_token: issued.refreshToken,
        expires_in: seconds(issued.expiresAt),
        scopes: null,
      },
      "The credentials are valid",
      { headers: KEEP_NOTHING },
    );
  },
});

/** A new access token for a refresh token, which stays good (seed: Refresh Token). */
export const refreshToken = defineV1Route({
  method: "GET",
  path: "/v1/refreshtoken",
  summary: "Get a new access token for a refresh token",
  tag: "v1: authentication",
  authority: "client",
  parameters: { grant: GRANT_TYPE, token: REFRESH_TOKEN },
  body: "none",
  safe: false,
  async handle(call) {
    checkGrant(call.parameters.grant);
    const client = await caller(call);
    const hash = await credentialHash(call.parameters.token ?? "");
    const renewed = await renewAccess(call.services, client, hash);
    return ok(
      { access_token: renewed.accessToken, expires_at: seconds(renewed.expiresAt) },
      "The token has been generated",
      { headers: KEEP_NOTHING },
    );
  },
});
