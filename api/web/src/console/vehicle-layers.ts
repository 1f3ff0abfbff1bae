import { colourOf } from "../design/theme.ts";
import type { GeoJSONSource, MapLibre } from "../map/open-map.ts";
import { bestPlaceOf, type Place } from "./fix.ts";
import type { Unit, UnitState } from "./fleet.ts";
import { drawMarker, MARKER_RATIO, MARKERS, markerOf } from "./markers.ts";

const SOURCE = "page-vehicles";
export const VEHICLE_RING = "page-vehicle-ring";
const SYMBOLS = "page-vehicle-symbols";
/** A vehicle glides to its new place over this time: the eye follows, the position is not invented for long. */
const GLIDE_MS = 900;
/** Above this many the map would be busy with nothing else. */
const GLIDING_MAX = 300;
const FRAME_MS = 40;

type Shown = { from: Place; to: Place; sinceMs: number };

/** Vehicles as a layer of the map: a sign for each state, so that it is not the colour alone that tells. */
export class VehicleLayers {
  readonly #map: MapLibre;
  readonly #shown = new Map<string, Shown>();
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  #units: readonly Unit[] = [];
  #states: readonly UnitState[] = [];
  #selectedId: string | null = null;
  #frame = 0;
  #drawnAtMs = 0;

  constructor(map: MapLibre, select: (unitId: string) => void) {
    this.#map = map;
    map.addSource(SOURCE, { type: "geojson", data: collection([]) });
    this.paint();
    map.on("click", SYMBOLS, ({ features }) => {
      const id: unknown = features?.[0]?.properties.id;
      if (typeof id === "string") select(id);
    });
    map.on("mouseenter", SYMBOLS, () => {
      map.getCanvas().style.cursor = "pointer";
    });
    map.on("mouseleave", SYMBOLS, () => {
      map.getCanvas().style.cursor = "";
    });
  }

  /** In the colours of the theme shown now. */
  paint(): void {
    const map = this.#map;
    for (const marker of MARKERS) {
      const image = drawMarker(marker);
      if (map.hasImage(marker.name)) map.updateImage(marker.name, image);
      else map.addImage(marker.name, image, { pixelRatio: MARKER_RATIO });
    }
    if (map.getLayer(SYMBOLS) === undefined) this.#addLayers();
    map.setPaintProperty(VEHICLE_RING, "circle-stroke-color", colourOf("--focus"));
    map.setPaintProperty(SYMBOLS, "text-color", colourOf("--ink"));
    map.setPaintProperty(SYMBOLS, "text-halo-color", colourOf("--surface"));
  }

  #addLayers(): void {
    this.#map.addLayer({
      id: VEHICLE_RING,
      source: SOURCE,
      type: "circle",
      filter: ["get", "selected"],
      paint: { "circle-radius": 20, "circle-opacity": 0, "circle-stroke-width": 3 },
    });
    this.#map.addLayer({
      id: SYMBOLS,
      source: SOURCE,
      type: "symbol",
      layout: {
        "icon-image": ["get", "marker"],
        "icon-rotate": ["get", "headingDeg"],
        "icon-rotation-alignment": "map",
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "rank"],
        "text-field": ["step", ["zoom"], "", 11, ["get", "name"]],
        "text-font": ["system-ui", "sans-serif"],
        "text-size": 12,
        "text-offset": [0, 1.5],
        "text-anchor": "top",
        "text-optional": true,
      },
      paint: { "text-halo-width": 1.6 },
    });
  }

  /** Shows these units, each in the state at the same index. */
  show(units: readonly Unit[], states: readonly UnitState[], selectedId: string | null): void {
    [this.#units, this.#states, this.#selectedId] = [units, states, selectedId];
    const nowMs = performance.now();
    const glides = !this.#still && units.length <= GLIDING_MAX;
    const gone = new Set(this.#shown.keys());
    for (const { id, fix } of units) {
      const to = fix === null ? undefined : bestPlaceOf(fix);
      if (to === undefined) continue;
      gone.delete(id);
      const shown = this.#shown.get(id);
      if (shown && shown.to[0] === to[0] && shown.to[1] === to[1]) continue;
      this.#shown.set(id, { from: shown && glides ? placeAt(shown, nowMs) : to, to, sinceMs: nowMs });
    }
    for (const id of gone) this.#shown.delete(id);
    this.#draw(nowMs);
    this.#glide();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
  }

  #glide(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame((nowMs) => {
      const moving = [...this.#shown.values()].some(
        ({ from, to, sinceMs }) => from !== to && nowMs - sinceMs < GLIDE_MS,
      );
      if (nowMs - this.#drawnAtMs >= FRAME_MS || !moving) this.#draw(nowMs);
      if (moving) this.#glide();
    });
  }

  #draw(nowMs: number): void {
    this.#drawnAtMs = nowMs;
    const features = this.#units.flatMap((unit, i) => {
      const shown = this.#shown.get(unit.id);
      return shown ? [this.#feature(unit, this.#states[i]!, placeAt(shown, nowMs))] : [];
    });
    void this.#map.getSource<GeoJSONSource>(SOURCE)?.setData(collection(features));
  }

  #feature(unit: Unit, state: UnitState, coordinates: Place): GeoJSON.Feature {
    const selected = unit.id === this.#selectedId;
    const marker = markerOf(state, unit.fix?.speedMps ?? null);
    const headingDeg = marker.isMoving ? (unit.fix?.headingDeg ?? 0) : 0;
    const properties = {
      id: unit.id,
      name: unit.name,
      marker: marker.name,
      headingDeg,
      selected,
      rank: selected ? 0 : 1,
    };
    return { type: "Feature", geometry: { type: "Point", coordinates }, properties };
  }
}

function placeAt({ from, to, sinceMs }: Shown, nowMs: number): Place {
  const t = Math.max(0, Math.min(1, (nowMs - sinceMs) / GLIDE_MS));
  const eased = t * (2 - t);
  return [from[0] + (to[0] - from[0]) * eased, from[1] + (to[1] - from[1]) * eased];
}

function collection(features: GeoJSON.Feature[]): GeoJSON.FeatureCollection {
  return { type: "FeatureCollection", features };
}
