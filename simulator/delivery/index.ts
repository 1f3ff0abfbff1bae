export type { DeliveryDay } from "./delivery-day.ts";
export { type DeliveryFix, DRIVER_PHONE, fixesOf, VEHICLE_TRACKER } from "./delivery-fixes.ts";
export { compileStreets } from "./delivery-roads.ts";
export { driveFleetDays, type FleetDaysOptions } from "./delivery-week.ts";
export type { DeliveryStop } from "./route-planner.ts";
