import { frameOf } from "./frame.ts";

/** A position as a phone sends it; SI units in, the protocol's units out. */
export type OsmAndPosition = {
  deviceId: string;
  latDeg: number;
  lonDeg: number;
  timeMs: number;
  speedMps?: number;
  headingDeg?: number;
  altitudeM?: number;
  accuracyM?: number;
  batteryPercent?: number;
  /** Values of names that the protocol leaves to the sender. */
  extras?: { readonly [name: string]: number | boolean | string };
};

const KNOTS_PER_MPS = 3600 / 1852;

/** The path and query of a request in the form of OsmAnd and Traccar Client up to 8. */
export function positionPath(position: OsmAndPosition): string {
  const { speedMps } = position;
  const query = new URLSearchParams();
  const set = (name: string, value: number | string | undefined): void => {
    if (value !== undefined) query.set(name, String(value));
  };
  set("id", position.deviceId);
  set("timestamp", Math.round(position.timeMs / 1000));
  set("lat", position.latDeg);
  set("lon", position.lonDeg);
  set("speed", speedMps === undefined ? undefined : speedMps * KNOTS_PER_MPS);
  set("bearing", position.headingDeg);
  set("altitude", position.altitudeM);
  set("accuracy", position.accuracyM);
  set("batt", position.batteryPercent);
  for (const [name, value] of Object.entries(position.extras ?? {})) set(name, String(value));
  return `/?${query.toString()}`;
}

/** The journal frame of a position in the query form. */
export function positionFrame(position: OsmAndPosition): Uint8Array {
  return frameOf({ method: "POST", path: positionPath(position) });
}

/** The body of Traccar Client 9 and later: one position, or several as a batch. All must be of one device. */
export function positionBody(positions: readonly OsmAndPosition[]): Uint8Array {
  const locations = positions.map(locationOf);
  const body = { location: locations.length === 1 ? locations[0] : locations, device_id: positions[0]?.deviceId };
  return new Uint8Array(Buffer.from(JSON.stringify(body)));
}

/** The journal frame of positions in the JSON form. */
export function positionsFrame(positions: readonly OsmAndPosition[]): Uint8Array {
  return frameOf({ method: "POST", path: "/", contentType: "application/json", body: positionBody(positions) });
}

function locationOf(position: OsmAndPosition): object {
  return {
    timestamp: new Date(position.timeMs).toISOString(),
    coords: {
      latitude: position.latDeg,
      longitude: position.lonDeg,
      accuracy: position.accuracyM ?? -1,
      speed: position.speedMps ?? -1,
      heading: position.headingDeg ?? -1,
      ...(position.altitudeM === undefined ? {} : { altitude: position.altitudeM }),
    },
    battery: { level: position.batteryPercent === undefined ? -1 : position.batteryPercent / 100, is_charging: false },
    extras: position.extras ?? {},
  };
}
