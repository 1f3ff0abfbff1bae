import type { FunctionComponent } from "preact";
import type { MapLibre } from "../map/open-map.ts";
import type { ApiClient } from "./api-client.ts";
import { AttentionPanel } from "./attention/attention-panel.tsx";
import { DeliveriesPanel } from "./deliveries/deliveries-panel.tsx";
import type { FleetNow, FleetWatch } from "./fleet-watch.ts";
import { VehiclesPanel } from "./vehicles-panel.tsx";

/** What the console hands to each of its panels. */
export type PanelProps = {
  client: ApiClient;
  watch: FleetWatch;
  fleet: FleetNow;
  /** The server's time, Unix milliseconds, renewed every second. */
  nowMs: number;
  /** Null until the map is there, and where it can't be drawn. */
  map: MapLibre | null;
  /** `Unit.id` of what is selected. */
  selectedId: string | null;
  select: (unitId: string | null) => void;
  /** Read out by screen readers, once and politely. */
  announce: (text: string) => void;
};

/** A tab beside the map. To add one: a module with its component, and a line here. */
export type Panel = { id: string; title: string; Component: FunctionComponent<PanelProps> };

export const PANELS: readonly Panel[] = [
  { id: "vehicles", title: "Vehicles", Component: VehiclesPanel },
  { id: "deliveries", title: "Deliveries", Component: DeliveriesPanel },
  { id: "attention", title: "Attention", Component: AttentionPanel },
];
