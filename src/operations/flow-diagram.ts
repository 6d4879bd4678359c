import type { Environment } from "../domain/environment";
import { SluiceError } from "../domain/errors";
import type { FlowSource } from "../domain/flow";
import type { FlowPointer } from "../domain/flow-address";
import { type Diagram, diagramOf, toMermaid, toSvg } from "../engine/diagram";
import type { OrganizationStore } from "./access/organizations";
import type { Catalog, FlowVersionSummary, Projects, StoredFlow } from "./ports";

export interface DiagramServices {
  catalog: Catalog;
  projects: Projects;
  organizations: Pick<OrganizationStore, "find">;
}

/** How a picture is written. */
export const PICTURE_FORMATS = ["svg", "mermaid"] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** Versions that an answer lists, the newest first; the management API pages through all. */
const LISTED_VERSIONS = 100;

const WRITERS: Record<PictureFormat, (diagram: Diagram) => string> = { svg: toSvg, mermaid: toMermaid };

/** A flow version as a client may look at it. */
export interface FlowDiagram {
  customer: string;
  project: string;
  flow: StoredFlow;
  version: number;
  definition: FlowSource;
  versions: FlowVersionSummary[];
  mermaid: string;
}

/** Which flow, and which of its versions; the current one, or the draft of a flow that has none, by default. */
export interface DiagramAddress {
  projectId: number;
  project: string;
  flow: string;
  version?: number | undefined;
}

/** A flow's definition, its versions and its picture. @throws SluiceError not_found */
export async function readFlowDiagram(
  services: DiagramServices,
  environment: Environment,
  address: DiagramAddress,
): Promise<FlowDiagram> {
  const { projects, organizations } = services;
  const { flow, pointer } = await versionOf(services, environment, address);
  const [stored, versions, organization] = await Promise.all([
    projects.definition(environment.id, flow.id, pointer.version),
    projects.versions(environment.id, flow.id, LISTED_VERSIONS, undefined),
    organizations.find(environment.organizationId),
  ]);
  if (stored === undefined) throw noVersion(flow.name, pointer.version);
  const diagram = diagramOf(await services.catalog.plan(pointer));
  return {
    customer: organization?.name ?? "",
    project: address.project,
    flow,
    version: pointer.version,
    definition: stored.definition,
    versions,
    mermaid: toMermaid(diagram),
  };
}

/** The picture alone. @throws SluiceError not_found */
export async function drawFlow(
  services: DiagramServices,
  environment: Environment,
  address: DiagramAddress,
  format: PictureFormat,
): Promise<{ text: string; contentType: string; updatedAt: number }> {
  const { flow, pointer } = await versionOf(services, environment, address);
  const known = await services.projects.definition(environment.id, flow.id, pointer.version);
  if (known === undefined) throw noVersion(flow.name, pointer.version);
  return {
    text: WRITERS[format](diagramOf(await services.catalog.plan(pointer))),
    contentType: CONTENT_TYPES[format],
    updatedAt: flow.updatedAt,
  };
}

export const CONTENT_TYPES: Record<PictureFormat, string> = {
  svg: "image/svg+xml; charset=utf-8",
  mermaid: "text/vnd.mermaid; charset=utf-8",
};

async function versionOf(
  { projects }: DiagramServices,
  environment: Environment,
  { projectId, project, flow: name, version: wanted }: DiagramAddress,
): Promise<{ flow: StoredFlow; pointer: FlowPointer }> {
  const flow = await projects.flow(environment.id, projectId, name);
  if (flow === undefined) throw new SluiceError("not_found", `There is no flow "${name}" in this project.`);
  const version = wanted ?? flow.currentVersion ?? flow.draftVersion;
  if (version === null) throw new SluiceError("not_found", `The flow "${name}" has no version.`);
  const pointer: FlowPointer = {
    environmentId: environment.id,
    projectId,
    project,
    flowId: flow.id,
    flow: flow.name,
    version,
    status: flow.status,
  };
  return { flow, pointer };
}

function noVersion(flow: string, version: number): SluiceError {
  return new SluiceError("not_found", `Flow "${flow}" has no version ${version}.`);
}

/** Media types that ask for a picture. */
const ASKED: Readonly<Record<string, PictureFormat>> = {
  "image/svg+xml": "svg",
  "text/vnd.mermaid": "mermaid",
  "text/x-mermaid": "mermaid",
};

/**
 * The picture that a client wants: as `format` says, else as `Accept` prefers it to data; `undefined` for data.
 * @throws SluiceError invalid_request for a format that there is not
 */
export function wantedPicture(format: string | undefined, accept: string | null): PictureFormat | undefined {
  if (format !== undefined) {
    if (format === "json" || format === "xml") return undefined;
    const found = PICTURE_FORMATS.find((known) => known === format);
    if (found !== undefined) return found;
    throw new SluiceError("invalid_request", "`format` is json, xml, svg or mermaid.", {
      problems: [{ path: "format", reason: "expected json, xml, svg or mermaid" }],
    });
  }
  let best: { picture: PictureFormat | undefined; quality: number } | undefined;
  for (const range of (accept ?? "").split(",", 50)) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const picture = Object.hasOwn(ASKED, type) ? ASKED[type] : undefined;
    if (picture === undefined && !/^(?:application|text)\/(?:json|xml)$/.test(type)) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const quality = q === undefined ? 1 : Number(q);
    if (!(quality > 0) || (best !== undefined && best.quality >= quality)) continue;
    best = { picture, quality };
  }
  return best?.picture;
}
