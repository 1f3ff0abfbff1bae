import { useEffect, useRef, useState } from "preact/hooks";
import type { MapLibre } from "../map/open-map.ts";
import { boundsOf } from "./day-track.ts";
import { bestPlaceOf } from "./fix.ts";
import { stateOf } from "./fleet.ts";
import type { FleetNow, FleetWatch } from "./fleet-watch.ts";
import type { VehicleLayers } from "./vehicle-layers.ts";

type FleetMapProps = {
  watch: FleetWatch;
  fleet: FleetNow;
  nowMs: number;
  selectedId: string | null;
  select: (unitId: string) => void;
  opened: (map: MapLibre | null) => void;
};

const EDGE_PX = 60;
/** Near enough to read streets, far enough to see where it goes. */
const SELECTED_ZOOM = 15;
const FIRST_ZOOM_MAX = 14;

/** The map with every vehicle; what it shows is also in the list, for those who can't see it. */
export function FleetMap({ watch, fleet, nowMs, selectedId, select, opened }: FleetMapProps) {
  const container = useRef<HTMLDivElement>(null);
  const layers = useRef<VehicleLayers | null>(null);
  const [map, setMap] = useState<MapLibre | null>(null);
  const [failure, setFailure] = useState<string | null>(null);

  useEffect(() => {
    let close = () => {};
    let gone = false;
    openVehicleMap(container.current!, select)
      .then((open) => {
        close = open.close;
        if (gone) return close();
        layers.current = open.layers;
        setMap(open.map);
        opened(open.map);
      })
      .catch((error: unknown) => setFailure(String(error)));
    return () => {
      gone = true;
      opened(null);
      close();
    };
  }, []);

  const hasPlaces = fleet.units.some(({ fix }) => fix !== null);
  useEffect(() => {
    const places = fleet.units.flatMap(({ fix }) => (fix === null ? [] : [bestPlaceOf(fix)!]));
    const bounds = boundsOf(places);
    if (map && bounds) map.fitBounds(bounds, { padding: EDGE_PX, maxZoom: FIRST_ZOOM_MAX, animate: false });
  }, [map, hasPlaces]);

  useEffect(() => {
    const states = fleet.units.map((unit) => stateOf(unit, nowMs, watch.thresholds));
    layers.current?.show(fleet.units, states, selectedId);
  }, [map, fleet, nowMs, selectedId]);

  useEffect(() => {
    const fix = fleet.units.find(({ id }) => id === selectedId)?.fix;
    if (!map || !fix) return;
    map.easeTo({ center: bestPlaceOf(fix)!, zoom: Math.max(map.getZoom(), SELECTED_ZOOM) });
  }, [map, selectedId]);

  return (
    <div class="map-frame">
      <div ref={container} class="map" data-ready={map !== null} />
      {failure && <p class="map-failure">The map can't be drawn here; the list shows everything. {failure}</p>}
    </div>
  );
}

/** MapLibre is large: it comes when the console is open, not before. */
async function openVehicleMap(container: HTMLElement, select: (unitId: string) => void) {
  const [{ openMap }, { VehicleLayers }] = await Promise.all([
    import("../map/open-map.ts"),
    import("./vehicle-layers.ts"),
  ]);
  let layers: VehicleLayers | undefined;
  const { map, close } = await openMap(container, {
    label: "Map of all vehicles. The list of vehicles says the same in words.",
    onTheme: () => layers?.paint(),
  });
  layers = new VehicleLayers(map, select);
  return {
    map,
    layers,
    close: () => {
      layers.close();
      close();
    },
  };
}
