/**
 * Random numbers that follow from a seed and a place: an expression that runs again after a crash sees the same ones.
 * The seed is the run's id, whose random part has 122 bits. Not for secrets, as `$random()` never is.
 */
export class SeededRandom {
  readonly #seed: string;
  readonly #states = new Map<string, number>();

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** The next number in [0, 1) at this place. */
  next(place: string): number {
    // Mulberry32: one 32-bit word of state, good enough for sampling.
    const state = ((this.#states.get(place) ?? hash(`${this.#seed}\n${place}`)) + 0x6d2b79f5) | 0;
    this.#states.set(place, state);
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}

/** FNV-1a with a final mixing, so that places that differ in one character start far apart. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}
