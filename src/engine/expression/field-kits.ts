import * as kit1 from "./field-kit?1-copy";
import * as kit2 from "./field-kit?2-copy";
import * as kit3 from "./field-kit?3-copy";
import * as kit4 from "./field-kit?4-copy";
import * as kit5 from "./field-kit?5-copy";
import * as kit6 from "./field-kit?6-copy";
import * as kit7 from "./field-kit?7-copy";
import * as kit8 from "./field-kit?8-copy";
import * as kit9 from "./field-kit?9-copy";
import * as kit10 from "./field-kit?10-copy";
import * as kit11 from "./field-kit?11-copy";
import * as kit12 from "./field-kit?12-copy";
import * as kit13 from "./field-kit?13-copy";
import * as kit14 from "./field-kit?14-copy";
import * as kit15 from "./field-kit?15-copy";
import * as kit16 from "./field-kit?16-copy";

/**
 * Copies of the readers. A bundler makes a module of its own for every query, so each copy has places of its own for the
 * engine to specialise, with nothing generated and nothing written twice. Sixteen are 70 kB of a bundle of 2.3 MB.
 */
const KITS = [
  kit1,
  kit2,
  kit3,
  kit4,
  kit5,
  kit6,
  kit7,
  kit8,
  kit9,
  kit10,
  kit11,
  kit12,
  kit13,
  kit14,
  kit15,
  kit16,
];

export type FieldKit = (typeof KITS)[number];

/** Names are given copies in the order in which expressions first use them; when all are taken, names share. */
const given = new Map<string, FieldKit>();

/** How many names are remembered: above it a name's copy depends on the name alone. */
const MOST_NAMES = 4_096;

/** The copy that reads a name; undefined for a name that arrays or all objects have. */
export function fieldKit(name: string): FieldKit | undefined {
  if (name in Array.prototype) return undefined;
  const known = given.get(name);
  if (known) return known;
  const kit = KITS[given.size % KITS.length] as FieldKit;
  if (given.size < MOST_NAMES) given.set(name, kit);
  return kit;
}

let loops = 0;

/** The copy for one more loop: a loop that always calls the same test becomes one piece of code with it. */
export function loopKit(): FieldKit {
  return KITS[loops++ % KITS.length] as FieldKit;
}
