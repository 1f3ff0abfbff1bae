/** Road classes in falling order of importance; the index is what the network file stores. */
export const ROAD_CLASSES = [
  "motorway",
  "trunk",
  "primary",
  "secondary",
  "tertiary",
  "unclassified",
  "residential",
  "living_street",
  "service",
  "road",
  "track",
  "cycleway",
  "path",
] as const;
type RoadClass = (typeof ROAD_CLASSES)[number];

/** Bits of `edgeAccess`: who may drive along the way's nodes (forward) and against them (backward). */
export const ACCESS = {
  carForward: 1,
  carBackward: 2,
  truckForward: 4,
  truckBackward: 8,
  bicycleForward: 16,
  bicycleBackward: 32,
} as const;

/** Bits of `edgeFlags`. The last two say that a turn restriction starts on the edge in that direction. */
export const EDGE_FLAGS = {
  roundabout: 1,
  tunnel: 2,
  bridge: 4,
  private: 8,
  link: 16,
  restrictedForward: 64,
  restrictedBackward: 128,
} as const;

export type Tags = Readonly<Record<string, string>>;

export interface RoadAttributes {
  classIndex: number;
  speedKmh: number;
  access: number;
  flags: number;
  layer: number;
  name: string;
}

export type WaySkip = "notARoad" | "classNotDriven" | "area" | "noAccess";

const SPEED_KMH: Record<RoadClass, number> = {
  motorway: 110,
  trunk: 90,
  primary: 65,
  secondary: 55,
  tertiary: 45,
  unclassified: 40,
  residential: 30,
  living_street: 12,
  service: 15,
  road: 35,
  track: 15,
  cycleway: 18,
  path: 12,
};
const BICYCLE_ONLY: Record<string, RoadClass> = {
  cycleway: "cycleway",
  path: "path",
  footway: "path",
  pedestrian: "path",
  bridleway: "path",
};
/** No class of road makes a roundabout straight: a car drives one of 15 to 40 m across at 20 to 35 km/h. */
const ROUNDABOUT_KMH_MAX = 30;
const MPH_TO_KMH = 1.609344;
const SPEED_KMH_MAX = 200;
const DENIED = new Set(["no", "private", "agricultural", "forestry", "agricultural;forestry", "military", "emergency"]);
const PRIVATE = new Set(["private", "customers", "destination", "delivery", "permit"]);
const GRANTED = new Set(["yes", "designated", "permissive", "official", "destination", "customers", "delivery"]);

/** What an OSM way means for driving, or why it is left out. Tag semantics: OpenStreetMap wiki, Key:highway, Key:access. */
export function readWayTags(tags: Tags): RoadAttributes | WaySkip {
  const highway = tags.highway?.split(";")[0];
  if (highway === undefined) return "notARoad";
  if (tags.area === "yes") return "area";
  const isLink = highway.endsWith("_link");
  const roadClass = findClass(isLink ? highway.slice(0, -"_link".length) : highway);
  if (roadClass === undefined) return "classNotDriven";
  const bicycleOnly = Object.hasOwn(BICYCLE_ONLY, highway);
  const access = readAccess(tags, roadClass, bicycleOnly ? highway : undefined);
  if (access === 0) return "noAccess";
  const usualKmh = SPEED_KMH[roadClass] * (isLink ? 0.7 : 1);
  const isRoundabout = tags.junction === "roundabout" || tags.junction === "circular";
  return {
    classIndex: ROAD_CLASSES.indexOf(roadClass),
    speedKmh: readSpeedKmh(tags.maxspeed) ?? (isRoundabout ? Math.min(usualKmh, ROUNDABOUT_KMH_MAX) : usualKmh),
    access,
    flags:
      (isRoundabout ? EDGE_FLAGS.roundabout : 0) |
      (tags.tunnel !== undefined && tags.tunnel !== "no" ? EDGE_FLAGS.tunnel : 0) |
      (tags.bridge !== undefined && tags.bridge !== "no" ? EDGE_FLAGS.bridge : 0) |
      (PRIVATE.has(motorAccess(tags)) ? EDGE_FLAGS.private : 0) |
      (isLink ? EDGE_FLAGS.link : 0),
    layer: Math.max(-10, Math.min(10, Number.parseInt(tags.layer ?? "0", 10) || 0)),
    name: tags.name ?? tags.ref ?? "",
  };
}

function findClass(highway: string): RoadClass | undefined {
  if (Object.hasOwn(BICYCLE_ONLY, highway)) return BICYCLE_ONLY[highway];
  return ROAD_CLASSES.find((name) => name === highway);
}

/** `maxspeed` in km/h; undefined for implicit or unreadable values. */
export function readSpeedKmh(maxspeed: string | undefined): number | undefined {
  if (maxspeed === undefined) return undefined;
  if (maxspeed === "walk") return 7;
  const value = Number.parseFloat(maxspeed);
  if (!(value > 0)) return undefined;
  return Math.min(SPEED_KMH_MAX, Math.max(5, Math.round(maxspeed.includes("mph") ? value * MPH_TO_KMH : value)));
}

/** What cars may do by the most particular tag that says so. */
function motorAccess(tags: Tags): string {
  return tags.motorcar ?? tags.motor_vehicle ?? tags.vehicle ?? tags.access ?? "yes";
}

function readAccess(tags: Tags, roadClass: RoadClass, bicycleWay: string | undefined): number {
  const general = tags.access ?? "yes";
  const vehicle = tags.vehicle ?? general;
  const motor = motorAccess(tags);
  // A private drive is driven by those who deliver there; agricultural and military roads are not.
  let car = motor === "private" || !DENIED.has(motor);
  // Pedestrian streets are delivered to where a sign lets motor vehicles in.
  const isLetIn = GRANTED.has(tags.motorcar ?? tags.motor_vehicle ?? "");
  if (bicycleWay !== undefined) car = isLetIn;
  if (roadClass === "track") car = isLetIn || (car && tags.tracktype === "grade1");
  const truck = car && tags.hgv !== "no";
  const bicycleTag = tags.bicycle ?? (bicycleWay === undefined ? vehicle : undefined);
  let bicycle = bicycleTag === undefined ? bicycleWay === "cycleway" : !DENIED.has(bicycleTag);
  if ((roadClass === "motorway" || roadClass === "trunk") && tags.bicycle === undefined) bicycle = false;
  const [forward, backward] = readDirections(tags, roadClass);
  const contraflow = tags["oneway:bicycle"] === "no" || (tags.cycleway ?? "").startsWith("opposite");
  return (
    (car && forward ? ACCESS.carForward : 0) |
    (car && backward ? ACCESS.carBackward : 0) |
    (truck && forward ? ACCESS.truckForward : 0) |
    (truck && backward ? ACCESS.truckBackward : 0) |
    (bicycle && (forward || contraflow) ? ACCESS.bicycleForward : 0) |
    (bicycle && (backward || contraflow) ? ACCESS.bicycleBackward : 0)
  );
}

function readDirections(tags: Tags, roadClass: RoadClass): [forward: boolean, backward: boolean] {
  const oneway = tags.oneway;
  if (oneway === "-1" || oneway === "reverse") return [false, true];
  if (oneway === "yes" || oneway === "true" || oneway === "1") return [true, false];
  if (oneway !== undefined) return [true, true];
  const implied = roadClass === "motorway" || tags.junction === "roundabout" || tags.junction === "circular";
  return [true, !implied];
}
