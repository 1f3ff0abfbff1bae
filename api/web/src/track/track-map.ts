import polyline from "@mapbox/polyline";
import { type GeoJSONSource, LngLatBounds, Marker } from "maplibre-gl";
import type { Texts } from "../../../tracking/page/texts.ts";
import type { TrackView } from "../../../tracking/track-json.ts";
import { colourOf } from "../design/theme.ts";
import { openMap } from "../map/open-map.ts";
import { type Glide, glideOf, metresOf, pathFrom, type Spot } from "./glide.ts";

export type TrackMap = { show(view: TrackView): void };

/** How long a move takes: about what lies between two positions of a tracker. */
const GLIDE_MS = 6_000;
/** Further than this it was not watched: the vehicle is simply there. */
const GLIDE_M_MAX = 3_000;
const ZOOM_MAX = 16;
const PATH_REDRAW_MS = 120;

const VAN = `<svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="M3 6a1 1 0 0 0-1 1v9h2.1a3 3 0 0 0 5.8 0h4.2a3 3 0 0 0 5.8 0H22v-4.2a2 2 0 0 0-.4-1.2l-2.4-3.2a1 1 0 0 0-.8-.4H15V7a1 1 0 0 0-1-1H3Zm12 3h2.9l1.8 2.5H15V9ZM7 14a1.4 1.4 0 1 1 0 2.8A1.4 1.4 0 0 1 7 14Zm10 0a1.4 1.4 0 1 1 0 2.8 1.4 1.4 0 0 1 0-2.8Z"/></svg>`;
const DOOR = `<svg viewBox="0 0 36 44" aria-hidden="true"><path d="M18 43C11 34 3 27 3 17a15 15 0 0 1 30 0c0 10-8 17-15 26Z" fill="currentColor"/><path d="M18 9 9 16.5V26h6v-6h6v6h6v-9.5Z" fill="var(--surface)"/></svg>`;

/** The vehicle, the way that is left and the door, on our own map. The camera keeps both in sight until it is taken over. */
export async function openTrackMap(
  container: HTMLElement,
  followButton: HTMLElement,
  texts: Texts["map"],
  first: TrackView,
): Promise<TrackMap> {
  let paint = () => {};
  const { map } = await openMap(container, {
    label: texts.label,
    center: [first.stop.lon, first.stop.lat],
    zoom: ZOOM_MAX - 1,
    onTheme: () => paint(),
  });
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  const vehicle = vehicleMarker(texts.vehicle);
  new Marker({ element: pin(texts.stop), anchor: "bottom" }).setLngLat([first.stop.lon, first.stop.lat]).addTo(map);
  map.addSource("page-path", { type: "geojson", data: lineOf([]) });
  map.addLayer({
    id: "page-path",
    type: "line",
    source: "page-path",
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": colourOf("--accent"), "line-width": 5, "line-opacity": 0.85 },
  });

  paint = () => map.setPaintProperty("page-path", "line-color", colourOf("--accent"));

  let shown: Spot | null = null;
  let path: Spot[] = [];
  let view = first;
  let isFollowing = true;
  let frame = 0;
  let pathDrawnMs = 0;

  const drawPath = (nowMs: number) => {
    if (nowMs - pathDrawnMs < PATH_REDRAW_MS) return;
    pathDrawnMs = nowMs;
    const left = shown === null ? [] : pathFrom(shown, path);
    void map.getSource<GeoJSONSource>("page-path")?.setData(lineOf(left));
  };
  const place = (spot: Spot, headingDeg: number | null) => {
    shown = spot;
    vehicle.marker.setLngLat([spot.lon, spot.lat]);
    vehicle.turn(headingDeg);
  };
  const glide = (way: Glide, to: TrackView["position"]) => {
    cancelAnimationFrame(frame);
    const beganMs = performance.now();
    const step = (nowMs: number) => {
      const share = Math.min(1, (nowMs - beganMs) / GLIDE_MS);
      const at = way(share);
      place(at.spot, at.headingDeg ?? to?.headingDeg ?? null);
      drawPath(nowMs);
      if (share < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
  };
  const frameAll = () => {
    const bounds = new LngLatBounds([view.stop.lon, view.stop.lat], [view.stop.lon, view.stop.lat]);
    if (view.position !== null) bounds.extend([view.position.lon, view.position.lat]);
    for (const spot of path) bounds.extend([spot.lon, spot.lat]);
    const padding = { top: 72, bottom: 48, left: 48, right: 56 };
    map.fitBounds(bounds, { padding, maxZoom: ZOOM_MAX, animate: !isStill.matches });
  };

  for (const gesture of ["dragstart", "zoomstart"] as const) {
    map.on(gesture, (event) => {
      if (event.originalEvent === undefined) return;
      isFollowing = false;
      followButton.hidden = false;
    });
  }
  followButton.addEventListener("click", () => {
    isFollowing = true;
    followButton.hidden = true;
    frameAll();
  });

  const show = (next: TrackView) => {
    view = next;
    const pathBefore = path;
    path = next.path === null ? [] : polyline.decode(next.path).map(([lat, lon]) => ({ lat, lon }));
    vehicle.element.className = `vehicle ${next.position?.state ?? ""}`;
    if (next.position === null) {
      cancelAnimationFrame(frame);
      vehicle.marker.remove();
      shown = null;
    } else {
      const to: Spot = { lat: next.position.lat, lon: next.position.lon };
      if (shown === null) vehicle.marker.setLngLat([to.lon, to.lat]).addTo(map);
      if (shown === null || isStill.matches || metresOf(shown, to) > GLIDE_M_MAX) place(to, next.position.headingDeg);
      else if (metresOf(shown, to) > 1) glide(glideOf(shown, to, pathBefore), next.position);
    }
    pathDrawnMs = 0;
    drawPath(performance.now());
    if (isFollowing) frameAll();
  };
  show(first);
  return { show };
}

function vehicleMarker(label: string) {
  const element = document.createElement("div");
  element.className = "vehicle";
  element.innerHTML = `${VAN}<span class="heading"></span>`;
  const heading = element.querySelector<HTMLElement>(".heading")!;
  const marker = new Marker({ element }).setLngLat([0, 0]);
  named(element, label);
  return {
    element,
    marker,
    turn: (headingDeg: number | null) => {
      heading.hidden = headingDeg === null;
      heading.style.transform = `rotate(${headingDeg ?? 0}deg)`;
    },
  };
}

function pin(label: string): HTMLElement {
  const element = document.createElement("div");
  element.className = "door";
  element.innerHTML = DOOR;
  named(element, label);
  return element;
}

function named(element: HTMLElement, label: string): void {
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
}

function lineOf(spots: readonly Spot[]): GeoJSON.Feature {
  return {
    type: "Feature",
    properties: {},
    geometry: { type: "LineString", coordinates: spots.map(({ lat, lon }) => [lon, lat]) },
  };
}
