import { z } from "zod";

/** States of an environment (seed: Get Environment status). */
export const ENVIRONMENT_STATUSES = [
  "creating",
  "updating",
  "deleting",
  "upgrading",
  "ready",
  "deleted",
  "error",
  "upgraded",
] as const;
export type EnvironmentStatus = (typeof ENVIRONMENT_STATUSES)[number];

/** Which state may follow which. */
const TRANSITIONS: Record<EnvironmentStatus, readonly EnvironmentStatus[]> = {
  creating: ["ready", "error"],
  ready: ["updating", "upgrading", "deleting"],
  updating: ["ready", "error"],
  upgrading: ["upgraded", "ready", "error"],
  upgraded: ["ready"],
  // The change that failed is tried again, another one is made instead, or the environment is deleted.
  error: ["creating", "updating", "upgrading", "deleting"],
  deleting: ["deleted", "error"],
  deleted: [],
};

export function mayBecome(from: EnvironmentStatus, to: EnvironmentStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Packages, the smallest first (seed: SS-A has 20 GB, SS-B 40 GB; the two larger ones double in turn). */
export const PACKAGES = [
  { code: "SS-A", name: "Single Server A", storageGb: 20 },
  { code: "SS-B", name: "Single Server B", storageGb: 40 },
  { code: "SS-C", name: "Single Server C", storageGb: 80 },
  { code: "SS-D", name: "Single Server D", storageGb: 160 },
] as const;
export type PackageCode = (typeof PACKAGES)[number]["code"];
export const PACKAGE_CODES = PACKAGES.map(({ code }) => code) as [PackageCode, ...PackageCode[]];

export function packageOf(code: PackageCode): (typeof PACKAGES)[number] {
  return PACKAGES.find((each) => each.code === code) as (typeof PACKAGES)[number];
}

/** Whether a package has more room than another; an environment never shrinks. */
export function isLarger(code: PackageCode, than: PackageCode): boolean {
  return PACKAGE_CODES.indexOf(code) > PACKAGE_CODES.indexOf(than);
}

/** Gigabytes by which storage grows at a time (seed: "you can only add 100GB of storage each time"). */
export const STORAGE_STEP_GB = 100;

/** Regions (seed: Create new Environment). */
export const REGION_NAMES = [
  "amsterdam",
  "frankfurt",
  "london",
  "new york",
  "san francisco",
  "toronto",
  "bangalore",
  "singapore",
] as const;
export type Region = (typeof REGION_NAMES)[number];

/** Time zone of an environment that was made without one (seed's samples). */
export const DEFAULT_TIME_ZONE = "Europe/Amsterdam";

export function isTimeZone(name: string): boolean {
  // An offset such as +01:00 is none of the TZ database's names.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const Name = z
  .string({ error: "`name` is a text" })
  .trim()
  .min(1, "a name cannot be empty")
  .max(100, "a name has at most 100 characters");
const Description = z
  .string({ error: "`description` is a text" })
  .max(10_000, "a description has at most 10000 characters");

/** Body of `POST /v1/environment`. */
export const EnvironmentOrder = z.object({
  name: Name,
  description: Description.default(""),
  package: z.enum(PACKAGE_CODES, { error: `the package is one of ${PACKAGE_CODES.join(", ")}` }),
  region: z
    .string()
    .transform((name) => name.trim().toLowerCase())
    .pipe(z.enum(REGION_NAMES, { error: `the region is one of ${REGION_NAMES.join(", ")}` })),
  timezone: z
    .string()
    .refine(isTimeZone, "a name of the TZ database, such as Europe/Amsterdam")
    .default(DEFAULT_TIME_ZONE),
});
export type EnvironmentOrder = z.output<typeof EnvironmentOrder>;

/** Text fields of `POST /v1/environment/{id}`; the files beside them are read by the operation. */
export const EnvironmentChange = z.object({
  name: Name.optional(),
  description: Description.optional(),
  delete_certificate: z.enum(["0", "1"], { error: "`delete_certificate` is 0 or 1" }).optional(),
});
export type EnvironmentChange = z.output<typeof EnvironmentChange>;

/** Body of `POST /v1/environment/{id}/upgrade`; a package makes the storage be ignored (seed). */
export const EnvironmentUpgrade = z
  .object({
    package: z.enum(PACKAGE_CODES, { error: `the package is one of ${PACKAGE_CODES.join(", ")}` }).optional(),
    storage: z
      .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], {
        error: `\`storage\` is ${STORAGE_STEP_GB}, the gigabytes that are added`,
      })
      .optional(),
  })
  .refine((body) => body.package !== undefined || body.storage !== undefined, "give `package` or `storage`")
  .refine(
    (body) => body.package !== undefined || body.storage === STORAGE_STEP_GB,
    `storage grows by ${STORAGE_STEP_GB} GB at a time: send \`"storage": ${STORAGE_STEP_GB}\``,
  );
export type EnvironmentUpgrade = z.output<typeof EnvironmentUpgrade>;

/** What one set of data of a project is copied by (seed: Add/Update Project to Environment). */
export const COPY_ACTIONS = ["insert", "insert or update", "delete and insert"] as const;
export type CopyAction = (typeof COPY_ACTIONS)[number];
const Action = z.enum(COPY_ACTIONS, { error: `an action is one of ${COPY_ACTIONS.join(", ")}` });
const YesNo = z
  .enum(["yes", "no"], { error: "yes or no" })
  .default("no")
  .transform((answer) => answer === "yes");
const Id = z.union(
  [
    z.number().int().positive(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ],
  {
    error: "an id is a whole number",
  },
);

/** Body of `POST /v1/environment/{id}/project/{project_id}`. */
export const ProjectTransfer = z.object({
  static_data: YesNo,
  file_manager: YesNo,
  source_environment: Id.optional(),
  all_keystores: Action.optional(),
  all_tables: Action.optional(),
  all_websites: Action.optional(),
  keystores: z
    .array(z.object({ keystore_id: z.string().min(1), action: Action }))
    .max(1_000)
    .default([]),
  tables: z
    .array(z.object({ name: z.string().min(1), action: Action }))
    .max(1_000)
    .default([]),
  websites: z
    .array(z.object({ slug: z.string().min(1), action: Action }))
    .max(1_000)
    .default([]),
});
export type ProjectTransfer = z.output<typeof ProjectTransfer>;

const MappedUrl = z
  .string({ error: "`url` is a path, such as /shop/" })
  .max(500, "a URL has at most 500 characters")
  .transform((url) => `/${url.replace(/^\/+|\/+$/g, "")}/`.replace(/^\/\/$/, "/"))
  .refine((url) => !url.includes("//"), "a path has no empty segments")
  .refine((url) => !/[?#\\%\p{Cc}]/u.test(url), "a path has no ?, #, %, \\ and no control characters")
  .refine((url) => !/\/\.{1,2}\//.test(url), "a path has no segments . and ..");
const MappedType = z.enum(["website", "hostedpage"], { error: "`type` is website or hostedpage" });

/** Body of `POST /v1/environment/{id}/urls`. */
export const UrlMappings = z
  .array(
    z.object({
      project_id: Id,
      url: MappedUrl,
      name: z.string({ error: "`name` is the slug of the website, or the name of the page" }).min(1).max(100),
      type: MappedType,
    }),
    { error: "a list of mappings" },
  )
  .min(1, "a list of at least one mapping")
  .max(1_000, "a list of at most 1000 mappings");
export type UrlMappings = z.output<typeof UrlMappings>;

/** Body of `DELETE /v1/environment/{id}/urls`. */
export const UrlRemovals = z
  .array(z.object({ project_id: Id, url: MappedUrl, type: MappedType }), { error: "a list of mappings" })
  .min(1, "a list of at least one mapping")
  .max(1_000, "a list of at most 1000 mappings");
export type UrlRemovals = z.output<typeof UrlRemovals>;
