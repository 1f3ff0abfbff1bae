export { type ClockReading, FUTURE_MS_MAX, ROLLOVER_MS, readClock } from "./clock.ts";
export { type IsKnown, needsLookup, type OrderState, order, orderInitial } from "./order.ts";
