import type { z } from "zod";
import { SluiceError } from "../../../../domain/errors";
import type { Json } from "../../../../domain/json";
import { schemaProblems } from "../../../../domain/schema-problems";
import { describeEnvironment, requireStanding } from "../../../../operations/environments/environments";
import type { StoredEnvironment } from "../../../../operations/environments/ports";
import type { V1Answer, V1Call } from "../../route";
import { answer, environmentOnWire } from "./wire";

/** What the routes of the environments chapter have in common. */
export const COMMON = { tag: "v1: environments", authority: "organization", body: "none" } as const;

/** The body, checked. @throws SluiceError invalid_request with everything that is wrong */
export function checked<T extends z.ZodType>(schema: T, value: Json | undefined): z.output<T> {
  const parsed = schema.safeParse(value === undefined ? {} : value);
  if (parsed.success) return parsed.data;
  const problems = schemaProblems(schema, parsed.error).map((problem) => ({
    ...problem,
    path: problem.path.replace(/^\//, "").replaceAll("/", "."),
  }));
  const [first] = problems;
  throw new SluiceError("invalid_request", `${first?.path || "The body"}: ${first?.reason}.`, { problems });
}

/** The environment that a call names. @throws SluiceError not_found */
export const standing = (call: V1Call): Promise<StoredEnvironment> =>
  requireStanding(call.services, call.principal.organizationId, call.path.environment_id);

/** An environment as an answer. */
export async function shown(
  call: V1Call,
  environment: StoredEnvironment,
  statistics: boolean,
  status = 200,
): Promise<V1Answer> {
  const described = await describeEnvironment(call.services, environment, { statistics });
  return answer(environmentOnWire(described, call), status);
}
