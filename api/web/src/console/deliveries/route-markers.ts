import polyline from "@mapbox/polyline";
import type { Marker } from "maplibre-gl";
import { useEffect, useRef, useState } from "preact/hooks";
import { colourOf, watchTheme } from "../../design/theme.ts";
import type { GeoJSONSource, MapLibre } from "../../map/open-map.ts";
import type { ApiClient } from "../api-client.ts";
import { boundsOf } from "../day-track.ts";
import { VEHICLE_RING } from "../vehicle-layers.ts";
import { type DayRoute, type DayStop, nameOfStop, standingOf } from "./day-route.ts";
import { STANDING_WORDS } from "./delivery-words.ts";

const PATH = "page-route-path";
const EDGE_PX = 70;
const ZOOM_MAX = 15;

type RouteOnMap = {
  client: ApiClient;
  map: MapLibre | null;
  route: DayRoute | undefined;
  stop: DayStop | undefined;
  nowMs: number;
  showStop: (stopId: string) => void;
};

/** The stops of the chosen route as numbered signs, and the way that is left of it. The list says the same in words. */
export function useRouteOnMap({ client, map, route, stop, nowMs, showStop }: RouteOnMap): void {
  const [layers, setLayers] = useState<RouteLayers | null>(null);
  const show = useRef(showStop);
  show.current = showStop;
  const routeId = route?.id;
  useEffect(() => {
    if (map === null || routeId === undefined) return;
    let opened: RouteLayers | null = null;
    let gone = false;
    void import("maplibre-gl").then(({ Marker }) => {
      if (gone) return;
      opened = new RouteLayers(
        map,
        (options) => new Marker(options),
        (stopId) => show.current(stopId),
      );
      setLayers(opened);
    });
    return () => {
      gone = true;
      opened?.close();
      setLayers(null);
    };
  }, [map, routeId]);
  useEffect(
    () => layers?.showStops(route?.stops ?? [], stop?.id, nowMs),
    [layers, route, stop?.id, Math.floor(nowMs / 10_000)],
  );
  useEffect(() => {
    const bounds = boundsOf((route?.stops ?? []).map(({ lon, lat }) => [lon, lat]));
    if (layers && map && bounds) map.fitBounds(bounds, { padding: EDGE_PX, maxZoom: ZOOM_MAX });
  }, [layers]);
  useEffect(() => {
    if (layers && map && stop) map.easeTo({ center: [stop.lon, stop.lat], zoom: Math.max(map.getZoom(), ZOOM_MAX) });
  }, [layers, stop?.id]);
  useRemainingPath(client, layers, route);
}

/** Read again whenever the route was, for the way shrinks as it is driven. */
function useRemainingPath(client: ApiClient, layers: RouteLayers | null, route: DayRoute | undefined): void {
  useEffect(() => {
    if (layers === null || route === undefined) return;
    const stopped = new AbortController();
    client
      .get<{ remainingPath: string | null }>(`/v1/routes/${route.id}`, stopped.signal)
      .then(({ remainingPath }) => layers.showPath(remainingPath))
      // The next reading of the day tries again.
      .catch(() => undefined);
    return () => stopped.abort();
  }, [layers, route]);
}

type MakeMarker = (options: { element: HTMLElement; anchor: "bottom" }) => Marker;

class RouteLayers {
  readonly #map: MapLibre;
  readonly #makeMarker: MakeMarker;
  readonly #show: (stopId: string) => void;
  readonly #unwatch: () => void;
  readonly #markers = new Map<string, Marker>();

  constructor(map: MapLibre, makeMarker: MakeMarker, show: (stopId: string) => void) {
    [this.#map, this.#makeMarker, this.#show] = [map, makeMarker, show];
    map.addSource(PATH, { type: "geojson", data: lineOf([]) });
    const before = map.getLayer(VEHICLE_RING) === undefined ? undefined : VEHICLE_RING;
    const layout = { "line-cap": "round", "line-join": "round" } as const;
    const paint = { "line-width": 5, "line-opacity": 0.75 };
    map.addLayer({ id: PATH, source: PATH, type: "line", layout, paint }, before);
    const colour = () => map.setPaintProperty(PATH, "line-color", colourOf("--accent"));
    colour();
    this.#unwatch = watchTheme(colour);
  }

  showPath(encoded: string | null): void {
    const places = encoded === null ? [] : polyline.decode(encoded);
    void this.#map.getSource<GeoJSONSource>(PATH)?.setData(lineOf(places));
  }

  showStops(stops: readonly DayStop[], chosenId: string | undefined, nowMs: number): void {
    const gone = new Set(this.#markers.keys());
    for (const [i, stop] of stops.entries()) {
      gone.delete(stop.id);
      const marker = this.#markers.get(stop.id) ?? this.#add(stop);
      const standing = standingOf(stop, nowMs);
      const element = marker.setLngLat([stop.lon, stop.lat]).getElement();
      for (const name of ["todo", "underway", "risk", "late", "done", "failed", "cancelled"]) {
        element.classList.toggle(name, name === standing);
      }
      element.classList.toggle("chosen", stop.id === chosenId);
      element.title = `${i + 1}: ${nameOfStop(stop)}, ${STANDING_WORDS[standing]}`;
      element.firstElementChild!.textContent = String(i + 1);
    }
    for (const id of gone) {
      this.#markers.get(id)?.remove();
      this.#markers.delete(id);
    }
  }

  close(): void {
    this.#unwatch();
    for (const marker of this.#markers.values()) marker.remove();
    // A map that is closing has let go of it already.
    if (this.#map.style === undefined || this.#map.getLayer(PATH) === undefined) return;
    this.#map.removeLayer(PATH);
    this.#map.removeSource(PATH);
  }

  /** For the pointer alone: the keyboard and the screen reader have the list. */
  #add(stop: DayStop): Marker {
    const element = document.createElement("div");
    element.className = "stop-mark on-map";
    element.append(document.createElement("span"));
    element.addEventListener("click", (event) => {
      event.stopPropagation();
      this.#show(stop.id);
    });
    const marker = this.#makeMarker({ element, anchor: "bottom" }).setLngLat([stop.lon, stop.lat]).addTo(this.#map);
    // MapLibre makes markers buttons of the tab order and names them all alike.
    for (const name of ["role", "aria-label", "tabindex"]) element.removeAttribute(name);
    element.setAttribute("aria-hidden", "true");
    this.#markers.set(stop.id, marker);
    return marker;
  }
}

function lineOf(places: readonly (readonly [number, number])[]): GeoJSON.Feature {
  const coordinates = places.map(([lat, lon]) => [lon, lat]);
  return { type: "Feature", properties: {}, geometry: { type: "LineString", coordinates } };
}
