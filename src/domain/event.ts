import { z } from "zod";
import { MAX_EVENT_OBJECTS, MAX_EVENT_PARAMS } from "./limits";
import { ResourceName } from "./names";
import { ShapeSource } from "./shape";

/** Key of a parameter, or handle of an object: what callers and workflows call it. */
const Handle = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/, "a handle starts with a letter and has letters, digits, . _ -");

/** Handle of an object as it is declared; `?` marks one that may be absent. */
const ObjectHandle = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_-]{0,99}\??$/,
    "a handle starts with a letter and has letters, digits, _ -, and a ? for an optional object",
  );

/** Value of a parameter (seed: integer). */
export const EventParameter = z
  .number({ error: "a parameter is a whole number" })
  .int("a parameter is a whole number");

/** Something that happens, which workflows register for (seed: Run Workflow; contract, section 4). */
export const EventDeclaration = z
  .strictObject({
    event: ResourceName.describe("The event's handle, unique in the environment."),
    description: z.string().max(10_000).optional(),
    params: z
      .array(Handle)
      .max(MAX_EVENT_PARAMS, `an event has at most ${MAX_EVENT_PARAMS} parameters (MAX_EVENT_PARAMS)`)
      .refine((params) => new Set(params).size === params.length, "each parameter stands once")
      .default([])
      .describe(
        "Parameters by which workflows tell apart what they listen to, the most important first: of two workflows that match equally well the one that names an earlier parameter wins.",
      ),
    objects: z
      .record(ObjectHandle, ShapeSource)
      .refine(
        (objects) => Object.keys(objects).length <= MAX_EVENT_OBJECTS,
        `an event has at most ${MAX_EVENT_OBJECTS} objects (MAX_EVENT_OBJECTS)`,
      )
      .default({})
      .describe(
        "Global objects that an event carries, by handle, each with its shape; `?` marks an optional one.",
      ),
  })
  .meta({ id: "EventDeclaration" });
export type EventDeclaration = z.output<typeof EventDeclaration>;

/** What makes a flow a workflow: the event that it is registered for, and with which parameters. */
export const WorkflowRegistration = z
  .strictObject({
    event: ResourceName.describe("Handle of an event that the bundle declares."),
    params: z
      .record(Handle, EventParameter)
      .default({})
      .describe("Values that the event's parameters must have; those that are not named may have any."),
  })
  .meta({ id: "WorkflowRegistration" });
export type WorkflowRegistration = z.output<typeof WorkflowRegistration>;

/** Whether a registration takes an event with these parameters. */
export function matches(registration: WorkflowRegistration, params: ReadonlyMap<string, number>): boolean {
  return Object.entries(registration.params).every(([key, value]) => params.get(key) === value);
}

/**
 * The registration that an event with these parameters belongs to: the one that names most of them; of several that name
 * as many, the one that names an earlier parameter of the event.
 */
export function mostSpecific<T extends { registration: WorkflowRegistration }>(
  candidates: readonly T[],
  params: ReadonlyMap<string, number>,
  declared: readonly string[],
): T | undefined {
  const rank = ({ registration }: T): string => {
    const named = Object.keys(registration.params);
    const bits = declared.map((key) => (named.includes(key) ? "1" : "0")).join("");
    return `${String(named.length).padStart(3, "0")}${bits}`;
  };
  let best: T | undefined;
  for (const candidate of candidates) {
    if (!matches(candidate.registration, params)) continue;
    if (best === undefined || rank(candidate) > rank(best)) best = candidate;
  }
  return best;
}
