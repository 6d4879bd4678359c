/** A release of Sluice, as environments tell of it (seed: `software.current_version`). */
export interface Release {
  version: string;
  /** Milliseconds since 1970. */
  releasedAt: number;
  /** Whether environments must have it before they take later ones. */
  blocking: boolean;
  /** Where `notes` are to be read: the page of the API reference shows them. */
  changelog: string;
  /** What it brings, a sentence each. */
  notes: readonly string[];
}

/** Every release, the latest last. A release that changes how an environment's data is laid out is blocking. */
export const RELEASES = [
  {
    version: "v.0.1.0",
    releasedAt: Date.UTC(2026, 10, 22),
    blocking: true,
    changelog: "/docs#changelog-v.0.1.0",
    notes: [
      "The first release.",
      "Flows are called over the action API, the v1 API (REST and SOAP), events, webhooks and schedules.",
      "Runs, records, tables, keystores and environments as the documentation describes them.",
    ],
  },
] as const satisfies readonly Release[];

export const LATEST_RELEASE: Release = RELEASES[RELEASES.length - 1] as Release;

/** The release of a version. Of one that this deployment does not know, it tells the version and nothing more. */
export function releaseOf(version: string): Release {
  const known = RELEASES.find((release) => release.version === version);
  return known ?? { version, releasedAt: 0, blocking: false, changelog: "/docs", notes: [] };
}
