/** One more copy of `field-kit.ts`: to bundlers, another query is another module. */
declare module "*-copy" {
  const kit: typeof import("./field-kit");
  export = kit;
}
