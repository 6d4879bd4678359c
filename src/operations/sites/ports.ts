import type { SiteFile } from "../../domain/site";
import type { UrlMapping } from "../environments/ports";

/** Files of websites, hosted pages and file managers. */
export interface SiteFiles {
  find(environmentId: number, projectId: number, site: string, path: string): Promise<SiteFile | undefined>;
  /** The bytes from `start` to before `end`. */
  read(
    environmentId: number,
    projectId: number,
    site: string,
    file: Pick<SiteFile, "path" | "hash">,
    start: number,
    end: number,
  ): Promise<Uint8Array | undefined>;
  /** By path; `after` is the last of the page before. */
  list(
    environmentId: number,
    projectId: number,
    site: string,
    limit: number,
    after: string | undefined,
  ): Promise<SiteFile[]>;
  /** How many files a project has, all sites together. */
  count(environmentId: number, projectId: number): Promise<number>;
  /** All or nothing; a file of the same path is replaced. */
  put(
    environmentId: number,
    projectId: number,
    site: string,
    file: SiteFile,
    bytes: Uint8Array,
  ): Promise<void>;
  remove(environmentId: number, projectId: number, site: string, path: string): Promise<boolean>;
}

/** What an environment's URLs lead to, copies of some seconds. */
export interface SiteMap {
  mappings(environmentId: number): Promise<readonly UrlMapping[]>;
  /** Drops this isolate's copy: the mappings were changed here. */
  forget(environmentId: number): void;
}

/** Counts visits; written down now and then, after the answer. */
export interface Visits {
  count(environmentId: number, at: number): void;
}
