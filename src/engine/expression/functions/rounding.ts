/** Shifts the decimal point in the decimal notation itself: multiplying would round where the notation does not. */
function shifted(value: number, places: number): number {
  const [digits, exponent] = String(value).split("e");
  return Number(`${digits}e${Number(exponent ?? 0) + places}`);
}

/** To the nearest, halves to the even neighbour. */
export function round(value: number, places: number | undefined): number {
  const scaled = places ? shifted(value, places) : value;
  let rounded = Math.round(scaled);
  if (Math.abs(rounded - scaled) === 0.5 && Math.abs(rounded % 2) === 1) rounded -= 1;
  const result = places ? shifted(rounded, -places) : rounded;
  return result === 0 ? 0 : result;
}
