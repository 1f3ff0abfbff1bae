import { geofenceStage } from "./geofence/geofence-stage.ts";
import type { DeviceStage } from "./stage.ts";

/** The stages after `order`, in the order in which they run. A new stage is one line here. */
export const stages: readonly DeviceStage[] = [geofenceStage as DeviceStage];
