import { ExpressionError } from "./errors";
import { EXPRESSION_LIMITS } from "./limits";

/**
 * Looks over a source before the parser sees it. The parser recurses with the nesting and copies the left side of
 * `??` and `?:`, so a short text can overflow the stack or double the tree with every bracket. This scan knows just
 * enough of the tokens (quotes, comments, regular expressions, brackets) to bound both; it never rejects for grammar.
 */
export function guardSource(source: string): void {
  if (source.length > EXPRESSION_LIMITS.sourceCharacters) {
    throw new ExpressionError("source_too_long", { value: source.length });
  }
  // Per open bracket: tokens so far, tokens since the operand began, operators that opened a nested right side.
  const open: { tokens: number; operand: number; nested: number }[] = [];
  let here = { tokens: 0, operand: 0, nested: 0 };
  let nesting = 0;
  let operandEnded = false;
  let at = 0;

  const refuse = (): never => {
    throw new ExpressionError("source_too_deep", { position: at });
  };
  const token = (weight = 1) => {
    here.tokens += weight;
    here.operand += weight;
    if (here.tokens > EXPRESSION_LIMITS.sourceTokens) refuse();
  };
  const nest = () => {
    nesting++;
    here.nested++;
    if (nesting > EXPRESSION_LIMITS.sourceNesting) refuse();
  };
  const newOperand = () => {
    here.operand = 0;
    nesting -= here.nested;
    here.nested = 0;
  };

  while (at < source.length) {
    const ch = source[at] as string;
    const next = source[at + 1];
    if (ch === '"' || ch === "'" || ch === "`") {
      at = endOfQuoted(source, at, ch);
      token();
      operandEnded = true;
    } else if (ch === "/" && next === "*") {
      const end = source.indexOf("*/", at + 2);
      at = end === -1 ? source.length : end + 2;
    } else if (ch === "/" && !operandEnded) {
      at = endOfRegex(source, at);
      token();
      operandEnded = true;
    } else if (ch === "(" || ch === "[" || ch === "{") {
      token();
      nest();
      here.nested--;
      open.push(here);
      here = { tokens: 0, operand: 0, nested: 0 };
      operandEnded = false;
      at++;
    } else if (ch === ")" || ch === "]" || ch === "}") {
      nesting -= here.nested + 1;
      const inner = here.tokens;
      here = open.pop() ?? { tokens: 0, operand: 0, nested: 0 };
      token(inner);
      operandEnded = true;
      at++;
    } else if (ch === "," || ch === ";") {
      newOperand();
      operandEnded = false;
      at++;
    } else if (ch === "?" && (next === "?" || next === ":")) {
      token(here.operand);
      here.operand = 0;
      nest();
      operandEnded = false;
      at += 2;
    } else if (ch === "?" || ch === ":") {
      here.operand = 0;
      nest();
      operandEnded = false;
      at += next === "=" ? 2 : 1;
    } else if ((ch === "*" || ch === "%") && !operandEnded) {
      token();
      operandEnded = true;
      at += next === "*" ? 2 : 1;
    } else if (ch === "-" && !operandEnded) {
      token();
      nest();
      at++;
    } else if (/[\s]/.test(ch)) {
      at++;
    } else if (/[.+\-*/%|=<>^~&!@#]/.test(ch)) {
      token();
      operandEnded = false;
      at++;
    } else {
      const word = /[^\s.[\]{}(),@#;:?+\-*/%|=<>^~&!"'`]+/y;
      word.lastIndex = at;
      const text = word.exec(source)?.[0] ?? ch;
      token();
      operandEnded = !(operandEnded && (text === "and" || text === "or" || text === "in"));
      at += text.length;
    }
  }
}

function endOfQuoted(source: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < source.length && source[at] !== quote) at += quote !== "`" && source[at] === "\\" ? 2 : 1;
  return at + 1;
}

function endOfRegex(source: string, start: number): number {
  let at = start + 1;
  let depth = 0;
  while (at < source.length) {
    const ch = source[at] as string;
    if (ch === "\\") at++;
    else if (ch === "/" && depth === 0) return at + 1;
    else if ("([{".includes(ch)) depth++;
    else if (")]}".includes(ch)) depth--;
    at++;
  }
  return at;
}
