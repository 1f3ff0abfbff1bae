import { areaStage } from "./area/area-stage.ts";
import { geofenceStage } from "./geofence/geofence-stage.ts";
import { matchStage } from "./match/match-stage.ts";
import { smoothStage } from "./smooth/smooth-stage.ts";
import type { DeviceStage } from "./stage.ts";
import { tripStage } from "./trip/trip-stage.ts";

/** The stages after `order`, in the order in which they run. A new stage is one line here. */
export const stages: readonly DeviceStage[] = [
  areaStage as DeviceStage,
  smoothStage as DeviceStage,
  matchStage as DeviceStage,
  geofenceStage as DeviceStage,
  tripStage as DeviceStage,
];
