export type { CityTraffic } from "./city-traffic.ts";
export type { Customer, PlaceType } from "./customers.ts";
export type { DeliveryDay, Driver, Visit } from "./delivery-day.ts";
export { type DeliveryFix, DRIVER_PHONE, type FixSource, fixesOf, VEHICLE_TRACKER } from "./delivery-fixes.ts";
export { compileStreets, elementsOf } from "./delivery-roads.ts";
export { driveFleetDays, type FleetDaysOptions } from "./delivery-week.ts";
export { type DeliveryPlan, type DeliveryStop, plannedDriveMs } from "./route-planner.ts";
export { Timeline, type TimelineState } from "./timeline.ts";
