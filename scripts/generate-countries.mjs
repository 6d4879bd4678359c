import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Real data for the demo: every country with its names, codes, region, area in km² (package `world-countries`) and, where
 * it is known, its population (package `country-json`, figures of 2018).
 *
 * Imported, it is that list: a data file of an example hands it on (`export { default } from …`), and the packer
 * evaluates it. Run (`node scripts/generate-countries.mjs <file>`), it writes the list as JSON.
 *
 * @typedef {{ name: string, cca2: string, cca3: string, region: string, subregion: string, area: number, population?: number }} Country
 */

const require = createRequire(import.meta.url);

/** @returns {Country[]} */
function countries() {
  const world = readJson("world-countries/countries.json");
  /** @type {Map<string, number>} */
  const byName = new Map();
  for (const { country, population } of readJson("country-json/src/country-by-population.json")) {
    if (typeof population === "number") byName.set(country, population);
  }
  /** @type {Map<string, number>} */
  const byCode = new Map();
  for (const { country, abbreviation } of readJson("country-json/src/country-by-abbreviation.json")) {
    const population = byName.get(country);
    if (population !== undefined) byCode.set(abbreviation, population);
  }
  return world
    .map((/** @type {any} */ { name, cca2, cca3, region, subregion, area }) => {
      const population = byName.get(name.common) ?? byCode.get(cca2);
      const country = { name: name.common, cca2, cca3, region, subregion, area };
      return population === undefined ? country : { ...country, population };
    })
    .sort((/** @type {Country} */ a, /** @type {Country} */ b) => (a.cca3 < b.cca3 ? -1 : 1));
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(require.resolve(path), "utf8"));
}

const list = countries();
export default list;

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const target = process.argv[2];
  if (target === undefined) {
    console.error("Usage: node scripts/generate-countries.mjs <file>");
    process.exitCode = 1;
  } else {
    writeFileSync(target, `${JSON.stringify(list, null, 1)}\n`);
    console.log(`${list.length} countries in ${target}`);
  }
}
