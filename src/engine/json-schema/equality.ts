import type { Json } from "../../domain/json";
import type { Checking } from "./checking";

/** Equal values have equal texts: fields in one order, numbers by value. Costs a step for each 16 characters. */
export function canonical(value: Json, checking?: Checking): string {
  const text = write(value);
  checking?.spend(1 + (text.length >> 4));
  return text;
}

function write(value: Json): string {
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "0" : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(value[key] as Json)}`);
  return `{${fields.join(",")}}`;
}

/** Whether a number is a multiple of another, as decimals: 0.0075 is one of 0.0001, whatever doubles say. */
export function isMultipleOf(value: number, divisor: number): boolean {
  if (!Number.isFinite(value)) return false;
  const quotient = value / divisor;
  // Where both are whole and exact, so is the remainder.
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0;
  if (!Number.isFinite(quotient)) return exactly(value, divisor);
  return Number.isInteger(quotient) ? true : exactly(value, divisor);
}

function exactly(value: number, divisor: number): boolean {
  const [a, aPower] = decimal(value);
  const [b, bPower] = decimal(divisor);
  const power = aPower - bPower;
  return power >= 0 ? (a * 10n ** BigInt(power)) % b === 0n : a % (b * 10n ** BigInt(-power)) === 0n;
}

/** A number as digits and a power of ten. */
function decimal(value: number): [digits: bigint, power: number] {
  const [digits = "0", exponent = "0"] = Math.abs(value).toString().split("e");
  const [whole = "0", fraction = ""] = digits.split(".");
  return [BigInt(whole + fraction), Number(exponent) - fraction.length];
}
