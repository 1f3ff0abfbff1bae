export { readClock } from "./clock.ts";
export { type IsKnown, needsLookup, type OrderState, order, orderInitial } from "./order.ts";
