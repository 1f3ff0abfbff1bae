import { useEffect, useRef, useState } from "preact/hooks";
import type { MapLibre } from "../map/open-map.ts";
import { boundsOf } from "./day-track.ts";
import { bestPlaceOf, type Place } from "./fix.ts";
import { stateOf } from "./fleet.ts";
import type { FleetNow, FleetWatch } from "./fleet-watch.ts";
import { VehicleLayers } from "./vehicle-layers.ts";

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
const DETAILS_PX = 448;
const NO_WEBGL = "This browser can't draw the map (WebGL).";
const NO_PADDING = { top: 0, right: 0, bottom: 0, left: 0 };

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
      .catch(() => setFailure(hasWebGl() ? "The map can't be loaded now; reload the page to try again." : NO_WEBGL));
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

  // The selected one stays in sight until somebody moves the map.
  const follows = useRef(false);
  useEffect(() => {
    map?.on("dragstart", () => {
      follows.current = false;
    });
  }, [map]);
  const selectedFix = fleet.units.find(({ id }) => id === selectedId)?.fix;
  useEffect(() => {
    if (map && selectedFix && follows.current && !isInSight(map, bestPlaceOf(selectedFix)!)) {
      map.easeTo({ center: bestPlaceOf(selectedFix)! });
    }
  }, [map, selectedFix]);

  useEffect(() => {
    const fix = selectedFix;
    follows.current = fix !== undefined && fix !== null;
    if (!map) return;
    if (!fix) return void map.easeTo({ padding: NO_PADDING });
    // The details cover the left of a wide map and the lower half of a narrow one.
    const { clientWidth, clientHeight } = map.getContainer();
    const isWide = clientWidth > 2 * DETAILS_PX;
    const padding = isWide ? { ...NO_PADDING, left: DETAILS_PX } : { ...NO_PADDING, bottom: clientHeight / 2 };
    map.easeTo({ center: bestPlaceOf(fix)!, zoom: Math.max(map.getZoom(), SELECTED_ZOOM), padding });
  }, [map, selectedId]);

  return (
    <div class="map-frame">
      <div ref={container} class="map" data-ready={map !== null} />
      {failure !== null && <p class="map-failure">{failure} The list shows everything.</p>}
    </div>
  );
}

function hasWebGl(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** Whether a place is away from the edges of the part of the map that nothing covers. */
function isInSight(map: MapLibre, place: Place): boolean {
  const { x, y } = map.project(place);
  const { left = 0, bottom = 0 } = map.getPadding();
  const { clientWidth, clientHeight } = map.getContainer();
  const isAcross = x > left + EDGE_PX && x < clientWidth - EDGE_PX;
  return isAcross && y > EDGE_PX && y < clientHeight - bottom - EDGE_PX;
}

/** MapLibre is large: it comes when the console is open, not before. */
async function openVehicleMap(container: HTMLElement, select: (unitId: string) => void) {
  const { openMap } = await import("../map/open-map.ts");
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
