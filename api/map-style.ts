import type { LayerSpecification, StyleSpecification } from "@maplibre/maplibre-gl-style-spec";

/** How the map looks (MapLibre style specification 8): the road network of our own tiles, or a plain ground without one. */

export const MAP_THEMES = ["light", "dark"] as const;
export type MapTheme = (typeof MAP_THEMES)[number];

type Palette = {
  ground: string;
  minor: string;
  minorEdge: string;
  medium: string;
  major: string;
  majorEdge: string;
  path: string;
  text: string;
  halo: string;
};

const PALETTES: Readonly<Record<MapTheme, Palette>> = {
  light: {
    ground: "#e8ecee",
    minor: "#ffffff",
    minorEdge: "#cfd7db",
    medium: "#ffffff",
    major: "#fdeecb",
    majorEdge: "#d3b878",
    path: "#c3ccd1",
    text: "#46535a",
    halo: "#f6f8f9",
  },
  dark: {
    ground: "#12181c",
    minor: "#2b363d",
    minorEdge: "#1b2328",
    medium: "#37444c",
    major: "#4d4a3a",
    majorEdge: "#262a29",
    path: "#29343a",
    text: "#a9b7be",
    halo: "#12181c",
  },
};

const ATTRIBUTION =
  '© <a href="https://www.openstreetmap.org/copyright" rel="noreferrer" target="_blank">OpenStreetMap contributors</a>';

/** What the style says of the network: its tiles' address, the zooms they exist for, and where it lies. */
export type RoadTiles = { url: string; minZoom: number; maxZoom: number; boundsDeg: [number, number, number, number] };

export function mapStyle(theme: MapTheme, tiles: RoadTiles | undefined): StyleSpecification {
  const palette = PALETTES[theme];
  const ground: LayerSpecification = {
    id: "ground",
    type: "background",
    paint: { "background-color": palette.ground },
  };
  if (tiles === undefined)
    return { version: 8, name: theme, metadata: { roads: false }, sources: {}, layers: [ground] };
  const [west, south, east, north] = tiles.boundsDeg;
  return {
    version: 8,
    name: theme,
    metadata: { roads: true },
    center: [(west + east) / 2, (south + north) / 2],
    zoom: 11,
    sources: {
      roads: {
        type: "vector",
        tiles: [tiles.url],
        minzoom: tiles.minZoom,
        maxzoom: tiles.maxZoom,
        bounds: tiles.boundsDeg,
        attribution: ATTRIBUTION,
      },
    },
    layers: [ground, ...roadLayers(palette)],
  };
}

const PATHS = ["track", "cycleway", "path"];
const MINOR = ["unclassified", "residential", "living_street", "service", "road"];
const MEDIUM = ["secondary", "tertiary"];
const MAJOR = ["motorway", "trunk", "primary"];
const OF = (classes: readonly string[]): ["in", ["get", string], ["literal", string[]]] => [
  "in",
  ["get", "class"],
  ["literal", [...classes]],
];
const ROAD = { source: "roads", "source-layer": "roads", type: "line" } as const;
const ROUND = { "line-cap": "round", "line-join": "round" } as const;

/** Width in pixels at zooms 8, 12, 15 and 18; ramps and drives that only their owners use are thinner. */
function widthOf(at: readonly [number, number, number, number], extra = 0): never {
  const stops = [8, 12, 15, 18].flatMap((zoom, i) => [zoom, ["+", extra, ["*", at[i]!, THINNER]]]);
  return ["interpolate", ["exponential", 1.4], ["zoom"], ...stops] as never;
}
const THINNER = [
  "case",
  ["any", ["has", "link"], ["has", "private"]],
  0.65,
  ["==", ["get", "class"], "service"],
  0.7,
  1,
];

const WIDTHS = {
  minor: [0.3, 0.8, 5, 20],
  medium: [0.5, 1.8, 8, 26],
  major: [0.9, 3, 11, 32],
} as const;
const EDGE_PX = 2;

function roadLayers(palette: Palette): LayerSpecification[] {
  const line = (id: string, classes: readonly string[], color: string, width: never): LayerSpecification => ({
    ...ROAD,
    id,
    filter: OF(classes),
    layout: ROUND,
    paint: { "line-color": color, "line-width": width },
  });
  return [
    {
      ...ROAD,
      id: "paths",
      filter: OF(PATHS),
      paint: { "line-color": palette.path, "line-width": 1, "line-dasharray": [3, 2] },
    },
    line("minor-edges", MINOR, palette.minorEdge, widthOf(WIDTHS.minor, EDGE_PX)),
    line("medium-edges", MEDIUM, palette.minorEdge, widthOf(WIDTHS.medium, EDGE_PX)),
    line("major-edges", MAJOR, palette.majorEdge, widthOf(WIDTHS.major, EDGE_PX)),
    line("minor", MINOR, palette.minor, widthOf(WIDTHS.minor)),
    line("medium", MEDIUM, palette.medium, widthOf(WIDTHS.medium)),
    line("major", MAJOR, palette.major, widthOf(WIDTHS.major)),
    {
      ...ROAD,
      id: "tunnels",
      filter: ["==", ["get", "structure"], "tunnel"],
      paint: { "line-color": palette.ground, "line-opacity": 0.55, "line-width": widthOf(WIDTHS.medium) },
    },
    names("names-major", MAJOR.concat(MEDIUM), 11, palette),
    names("names-minor", MINOR.concat(PATHS), 14, palette),
  ];
}

function names(id: string, classes: readonly string[], minzoom: number, palette: Palette): LayerSpecification {
  return {
    id,
    source: "roads",
    "source-layer": "roads",
    type: "symbol",
    minzoom,
    filter: ["all", ["has", "name"], OF(classes)],
    layout: {
      "symbol-placement": "line",
      "symbol-spacing": 320,
      "text-field": ["get", "name"],
      "text-font": ["system-ui", "sans-serif"],
      "text-size": ["interpolate", ["linear"], ["zoom"], 11, 10, 16, 13],
      "text-max-angle": 35,
    },
    paint: { "text-color": palette.text, "text-halo-color": palette.halo, "text-halo-width": 1.4 },
  };
}
