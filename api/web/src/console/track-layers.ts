import { colourOf, watchTheme } from "../design/theme.ts";
import type { GeoJSONSource, MapLibre } from "../map/open-map.ts";
import { linesOf, type TrackPoint } from "./day-track.ts";
import { bestPlaceOf, type FixJson, KINDS_OF_TRACK, type TrackKind } from "./fix.ts";
import { VEHICLE_RING } from "./vehicle-layers.ts";

const CHOSEN = "page-track-chosen";
const idOf = (kind: TrackKind) => `page-track-${kind}`;
const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** The lines of one day under the vehicles, the one on the road on top; each kind has its colour and its stroke. */
const STROKES: Readonly<Record<TrackKind, { width: number; dashes?: number[] }>> = {
  raw: { width: 1.5, dashes: [2, 2] },
  smoothed: { width: 2.5 },
  matched: { width: 4 },
};

export class TrackLayers {
  readonly #map: MapLibre;
  readonly #unwatch: () => void;

  constructor(map: MapLibre) {
    this.#map = map;
    const before = map.getLayer(VEHICLE_RING) === undefined ? undefined : VEHICLE_RING;
    for (const kind of KINDS_OF_TRACK.toReversed()) {
      const { width, dashes } = STROKES[kind];
      map.addSource(idOf(kind), { type: "geojson", data: EMPTY });
      const dash = dashes === undefined ? {} : { "line-dasharray": dashes };
      const paint = { "line-width": width, "line-opacity": 0.85, ...dash };
      const layout = { "line-join": "round", "line-cap": dashes ? "butt" : "round" } as const;
      map.addLayer({ id: idOf(kind), source: idOf(kind), type: "line", layout, paint }, before);
    }
    map.addSource(CHOSEN, { type: "geojson", data: EMPTY });
    const paint = { "circle-radius": 7, "circle-stroke-width": 3 };
    map.addLayer({ id: CHOSEN, source: CHOSEN, type: "circle", paint });
    this.#paint();
    this.#unwatch = watchTheme(() => this.#paint());
  }

  #paint(): void {
    for (const kind of KINDS_OF_TRACK) this.#map.setPaintProperty(idOf(kind), "line-color", colourOf(`--${kind}`));
    this.#map.setPaintProperty(CHOSEN, "circle-color", colourOf("--surface"));
    this.#map.setPaintProperty(CHOSEN, "circle-stroke-color", colourOf("--ink"));
  }

  showLines(points: readonly TrackPoint[]): void {
    for (const kind of KINDS_OF_TRACK) {
      const coordinates = linesOf(points, kind);
      const geometry: GeoJSON.Geometry = { type: "MultiLineString", coordinates };
      void this.#source(idOf(kind))?.setData({ type: "Feature", properties: {}, geometry });
    }
  }

  hide(hidden: ReadonlySet<TrackKind>): void {
    for (const kind of KINDS_OF_TRACK) {
      this.#map.setLayoutProperty(idOf(kind), "visibility", hidden.has(kind) ? "none" : "visible");
    }
  }

  /** Where it was at the chosen time. */
  showChosen(fix: FixJson | undefined): void {
    const place = fix && bestPlaceOf(fix);
    const data: GeoJSON.GeoJSON =
      place === undefined
        ? EMPTY
        : { type: "Feature", properties: {}, geometry: { type: "Point", coordinates: place } };
    void this.#source(CHOSEN)?.setData(data);
  }

  close(): void {
    this.#unwatch();
    for (const id of [...KINDS_OF_TRACK.map(idOf), CHOSEN]) {
      // A map that is closing has let go of them already.
      if (this.#map.style === undefined || this.#map.getLayer(id) === undefined) continue;
      this.#map.removeLayer(id);
      this.#map.removeSource(id);
    }
  }

  #source(id: string): GeoJSONSource | undefined {
    return this.#map.getSource<GeoJSONSource>(id);
  }
}
