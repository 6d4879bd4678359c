/** The picture of a flow: what is in it, as SVG, and as Mermaid's text. */
export { type Diagram, diagramOf } from "./diagram";
export { toMermaid } from "./mermaid";
export { toSvg } from "./svg";
