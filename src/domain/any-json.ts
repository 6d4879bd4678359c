import { z } from "zod";
import type { Json } from "./json";

/**
 * Any value of a bundle, which holds nothing but JSON. Not `z.json()`: that refers to itself without a name, and no
 * OpenAPI document can be made of it.
 */
export const AnyJson = z.unknown() as z.ZodType<Json>;
