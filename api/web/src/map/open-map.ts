import "maplibre-gl/dist/maplibre-gl.css";
import "./map.css";
import type { StyleSpecification } from "@maplibre/maplibre-gl-style-spec";
import {
  AttributionControl,
  type Map as MapLibre,
  Map as MapLibreMap,
  NavigationControl,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { type Theme, themeNow, watchTheme } from "../design/theme.ts";

export type { GeoJSONSource, Map as MapLibre } from "maplibre-gl";

export type OpenMapOptions = {
  /** What the map is, for those who can't see it. */
  label: string;
  /** Degrees; the road network's middle unless told. */
  center?: [lon: number, lat: number];
  zoom?: number;
  /** Called once the style is there and whenever light and dark changed; sources and layers of the page outlive that. */
  onTheme?: (theme: Theme) => void;
};

export type OpenMap = { map: MapLibre; close(): void };

/** Ids of sources and layers that belong to a page and not to the ground begin so. */
const PAGE_PREFIX = "page-";
/** A parcel's street is readable here; beyond it the tiles are only enlarged. */
const ZOOM_MAX = 19;

setWorkerUrl(workerUrl);

/** A map on our own tiles, in the page's light or dark, loaded and ready for sources and layers. */
export async function openMap(container: HTMLElement, options: OpenMapOptions): Promise<OpenMap> {
  const { center, zoom, label, onTheme } = options;
  const map = new MapLibreMap({
    container,
    style: await readStyle(themeNow()),
    ...(center === undefined ? {} : { center }),
    ...(zoom === undefined ? {} : { zoom }),
    maxZoom: ZOOM_MAX,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new AttributionControl({ compact: false }), "bottom-right");
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.getCanvas().setAttribute("aria-label", label);
  // What is drawn can be asked of the element: by tests, and at the developer's console.
  Object.assign(container, { maplibre: map });
  await map.once("load");
  onTheme?.(themeNow());
  const unwatch = watchTheme((theme) => {
    void readStyle(theme).then((style) => {
      map.setStyle(style, { transformStyle: keepPage });
      onTheme?.(theme);
    });
  });
  return {
    map,
    close: () => {
      unwatch();
      map.remove();
    },
  };
}

async function readStyle(theme: Theme): Promise<StyleSpecification> {
  const response = await fetch(`/tiles/style.json?theme=${theme}`);
  if (!response.ok) throw new Error(`the map's style was answered with ${response.status}`);
  const style = (await response.json()) as StyleSpecification;
  for (const source of Object.values(style.sources)) {
    // Tiles are fetched by a worker, which has another base.
    if (source.type === "vector" && source.tiles) source.tiles = source.tiles.map((url) => location.origin + url);
  }
  return style;
}

function keepPage(before: StyleSpecification | undefined, next: StyleSpecification): StyleSpecification {
  const sources = Object.entries(before?.sources ?? {}).filter(([id]) => id.startsWith(PAGE_PREFIX));
  const layers = (before?.layers ?? []).filter(({ id }) => id.startsWith(PAGE_PREFIX));
  return { ...next, sources: { ...next.sources, ...Object.fromEntries(sources) }, layers: [...next.layers, ...layers] };
}
