import { type Static, Type } from "typebox";
import type { StoredFix } from "#store/fixes.ts";
import type { MatchedPlace, SmoothedPlace } from "#store/measured.ts";
import type { StoredPosition } from "#store/positions.ts";
import { type FreshnessThresholds, freshnessOf } from "#stream/freshness.ts";
import { Attributes, Degrees, Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

const Smoothed = Type.Object({
  lat: Degrees(90),
  lon: Degrees(180),
  speedMps: Type.Number(),
  headingDeg: Nullable(Type.Number({ description: "Null for a vehicle that stands" })),
  sigmaM: Type.Number(),
});

const Matched = Type.Object({
  lat: Degrees(90),
  lon: Degrees(180),
  wayId: Type.Integer({ description: "OpenStreetMap way" }),
  forward: Type.Boolean({ description: "Along the order of the way's nodes" }),
  confidence: Type.Number({ minimum: 0, maximum: 1 }),
});

const reported = {
  id: Type.String({ description: "Stable: decoding the kept frame again gives the same id" }),
  deviceUid: Type.String(),
  protocol: Type.String(),
  kind: Type.String({ description: "fix, or status for a report that carries no position by nature" }),
  time: Time,
  valid: Type.Boolean({ description: "False where the device had no position; lat and lon are then null" }),
  lat: Nullable(Degrees(90)),
  lon: Nullable(Degrees(180)),
  altitudeM: Nullable(Type.Number()),
  speedMps: Nullable(Type.Number()),
  headingDeg: Nullable(Type.Number()),
  satellites: Nullable(Type.Integer()),
  hdop: Nullable(Type.Number()),
  accuracyM: Nullable(Type.Number({ description: "68 % error radius that the device states, metres" })),
  event: Nullable(Type.String({ description: "What made the device report now" })),
  attributes: Attributes,
  receivedAt: Time,
  smoothed: Nullable(Smoothed),
  matched: Nullable(Matched),
};

export const Fix = named(
  "Fix",
  Type.Object({
    ...reported,
    storedAt: Time,
    late: Type.Boolean({ description: "Older than the newest fix of the device when it came" }),
    buffered: Type.Boolean({ description: "The device says that it kept this report while offline" }),
    clockFault: Nullable(Type.String({ description: "Why the device's time was not believed" })),
    deviceTime: Nullable(Time),
  }),
);

export const Position = named(
  "Position",
  Type.Object({
    ...reported,
    freshness: Type.Object({
      fixAgeS: Type.Number({ description: "Since `time`, seconds" }),
      receiveAgeS: Type.Number({ description: "Since `receivedAt`, seconds" }),
      state: Type.Enum(["live", "delayed", "stale", "offline"]),
    }),
  }),
);

export function fixJson(fix: StoredFix): Static<typeof Fix> {
  return {
    ...reportedJson(fix),
    kind: fix.kind,
    storedAt: timeText(fix.storedAt),
    late: fix.late,
    buffered: fix.buffered,
    clockFault: fix.clockFault,
    deviceTime: timeTextOrNull(fix.deviceTime),
  };
}

export function positionJson(
  position: StoredPosition,
  nowMs: number,
  thresholds: FreshnessThresholds,
): Static<typeof Position> {
  const { fixTime, receivedAt } = position;
  return {
    ...reportedJson(position),
    kind: "fix",
    freshness: freshnessOf(fixTime.getTime(), receivedAt.getTime(), nowMs, thresholds),
  };
}

type Reported = Omit<StoredPosition, "deviceId">;

function reportedJson(row: Reported) {
  return {
    id: row.fixId,
    deviceUid: row.deviceUid,
    protocol: row.protocol,
    time: timeText(row.fixTime),
    valid: row.valid,
    lat: row.latDeg,
    lon: row.lonDeg,
    altitudeM: row.altitudeM,
    speedMps: row.speedMps,
    headingDeg: row.headingDeg,
    satellites: row.satellites,
    hdop: row.hdop,
    accuracyM: row.accuracyM,
    event: row.event,
    attributes: row.attributes,
    receivedAt: timeText(row.receivedAt),
    smoothed: smoothedJson(row.smoothed),
    matched: matchedJson(row.matched),
  };
}

function smoothedJson(place: SmoothedPlace | null): Static<typeof Smoothed> | null {
  if (place === null) return null;
  const { latDeg, lonDeg, speedMps, headingDeg, sigmaM } = place;
  return { lat: latDeg, lon: lonDeg, speedMps, headingDeg, sigmaM };
}

function matchedJson(place: MatchedPlace | null): Static<typeof Matched> | null {
  if (place === null) return null;
  const { latDeg, lonDeg, wayId, forward, confidence } = place;
  return { lat: latDeg, lon: lonDeg, wayId, forward, confidence };
}
