/** Streets that cars use, by their OpenStreetMap `highway` value, fastest first. */
export const ROAD_CLASSES = [
  "motorway",
  "motorway_link",
  "trunk",
  "trunk_link",
  "primary",
  "primary_link",
  "secondary",
  "secondary_link",
  "tertiary",
  "tertiary_link",
  "unclassified",
  "residential",
  "living_street",
] as const;

export type RoadClass = (typeof ROAD_CLASSES)[number];

/**
 * The compact network file: integers, each the difference to the one before.
 *
 * `nodes`: latitude and longitude in degrees × `coordinateScale`, in turn. `ways`: OSM way id, index into `classes`,
 * 1 where driven only along the node order, `maxspeed` in km/h (0 unknown), index into `names`, node numbers.
 */
export type NetworkFile = {
  attribution: string;
  licence: string;
  source: string;
  coordinateScale: number;
  classes: string[];
  names: string[];
  nodes: number[];
  ways: number[][];
};
