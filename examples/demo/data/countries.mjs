// Real data from the npm packages `world-countries` and `country-json`, put together when the project is packed.
export { default } from "../../../scripts/generate-countries.mjs";
