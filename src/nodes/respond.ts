import { RESPONSE_SINK } from "../engine/emission";
import { fixedResponse, prepareResponse, ResponseSettings } from "../engine/fixed-response";
import { defineNode } from "./define-node";

export const respond = defineNode({
  type: "respond",
  summary:
    "Sets the fixed output attributes of the answer: body, headers, contentType, statusCode. The first item decides; without an item the answer stays the usual one.",
  example: {
    type: "respond",
    statusCode: 201,
    contentType: "text/html",
    body: "<p>Thank you, ${item.name}.</p>",
  },
  config: ResponseSettings.refine(
    (settings) => Object.keys(settings).length > 0,
    "give at least one of statusCode, headers, contentType, body",
  ),
  effects: "none",
  inLoops: false,
  results: () => [{ name: "ok", description: "The items, unchanged.", optional: true }],
  prepare: (config, context) => prepareResponse(config, context, []),
  run(node) {
    const [first] = node.items;
    if (first !== undefined) {
      try {
        node.emit(RESPONSE_SINK, [node.derive(first, fixedResponse(node.config, node.at(first)))]);
      } catch (error) {
        node.fail(first, error);
      }
    }
    if (!node.isRouted("ok")) return;
    node.emit(
      "ok",
      node.items.filter((item) => !node.hasFailed(item)),
    );
  },
});
