/** Says that a shortcut of a function does not apply and the arguments have to be checked. */
export const SLOW: unique symbol = Symbol("slow");
