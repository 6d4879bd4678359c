/**
 * What one expression may be and may spend. Fuel is the run's (see `Meter`); these bounds hold whatever the fuel.
 * Each is refused with the named error beside it.
 */
export const EXPRESSION_LIMITS = {
  /** Characters of source (`source_too_long`): far above any hand-written expression, small enough to parse in milliseconds. */
  sourceCharacters: 32_768,
  /** Brackets open at once, and operators that nest without brackets (`source_too_deep`): the parser recurses, the stack does not grow. */
  sourceNesting: 200,
  /** Tokens after `??` and `?:` have duplicated their left side (`source_too_deep`): nested, each doubles the tree. */
  sourceTokens: 50_000,
  /** Levels of the syntax tree (`source_too_deep`): a closure calls a closure per level, each some 150 bytes of stack. */
  treeDepth: 600,
  /**
   * Fuel of one evaluation, however much its run has left (`fuel_exhausted`). Whatever is made costs fuel, an element or
   * a field at least 1 and 32 characters 1, so this bounds memory too: under 60 MB at worst, of an isolate's 128.
   */
  evaluationFuel: 5_000_000,
  /** Fuel between two looks at the run's deadline (`Meter.look`): some milliseconds of work, so that looking costs nothing. */
  lookFuel: 100_000,
  /** Function calls under way at once, tail calls excepted (`depth_exceeded`): workerd's stack was measured to hold 1,239, and 838 by way of $map. */
  callDepth: 400,
  /** Levels of a value that is walked: compared, written as text, copied (`depth_exceeded`). */
  valueDepth: 400,
  /** Characters of one string that an expression makes (`string_too_long`): 4 Mi, so a few of them fit a 128 MB isolate. */
  stringCharacters: 4_194_304,
  /** Elements of one array that an expression makes (`result_too_large`): ten of these fit a 128 MB isolate. */
  arrayElements: 1_000_000,
  /** Nodes of a result that has to be checked and copied into plain JSON (`result_too_large`). */
  resultNodes: 2_000_000,
  /** Characters of a regular expression (`regex_refused`): linear-time matching is linear in the pattern too. */
  regexCharacters: 1_000,
  /** Backtracking steps that the built-in engine may need at worst; above it the linear-time engine matches (10 ms or so). */
  regexSteps: 2_000_000,
  /** Characters of a timestamp or of a date or number picture (`string_too_long`): the longest real ones have under 100. */
  pictureCharacters: 1_000,
  /** Characters of one value shown in an error message: enough to recognise it, too few to leak a document. */
  shownCharacters: 60,
} as const;

/** Fuel for callers that have no run to charge (checks at apply time, the console): as much as one evaluation may use. */
export const DEFAULT_FUEL = EXPRESSION_LIMITS.evaluationFuel;
