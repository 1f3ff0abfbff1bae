import type { Position } from "../../../driver/positions.ts";

/** Where the phone is, while the driver shares it. */

/** Standing still, a position is kept this often; sooner where the phone has moved. */
const KEEP_EVERY_MS = 10_000;
const MOVED_M = 15;
const SOONEST_MS = 1_000;
const METRES_PER_DEGREE = 111_320;

export type Sharing = { close(): void };

/** `onTrouble` is told whether the phone gives no position now: denied by the driver, or not to be had. */
export function shareLocation(
  onPosition: (position: Position) => void,
  onTrouble: (trouble: "denied" | "unknown" | null) => void,
): Sharing {
  let last: { position: Position; timeMs: number } | undefined;
  let isClosed = false;
  let wakeLock: WakeLockSentinel | undefined;
  const watch = navigator.geolocation.watchPosition(
    (found) => {
      onTrouble(null);
      const position = positionOf(found);
      const sinceMs = last === undefined ? Number.POSITIVE_INFINITY : found.timestamp - last.timeMs;
      const isNew = sinceMs >= KEEP_EVERY_MS || (sinceMs >= SOONEST_MS && movedM(last!.position, position) >= MOVED_M);
      if (!isNew) return;
      last = { position, timeMs: found.timestamp };
      onPosition(position);
    },
    ({ code, PERMISSION_DENIED }) => onTrouble(code === PERMISSION_DENIED ? "denied" : "unknown"),
    { enableHighAccuracy: true, maximumAge: 0 },
  );
  // A phone that sleeps tells no page where it is.
  const stayAwake = async () => {
    if (isClosed || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    wakeLock = await navigator.wakeLock.request("screen").catch(() => undefined);
  };
  const awaken = () => void stayAwake();
  document.addEventListener("visibilitychange", awaken);
  awaken();
  return {
    close: () => {
      isClosed = true;
      navigator.geolocation.clearWatch(watch);
      document.removeEventListener("visibilitychange", awaken);
      void wakeLock?.release();
    },
  };
}

/** The phone's position now, for a proof or a claim; undefined where it is not to be had soon. */
export function positionNow(waitMs: number): Promise<Position | undefined> {
  return new Promise((resolve) => {
    navigator.geolocation.getCurrentPosition(
      (found) => resolve(positionOf(found)),
      () => resolve(undefined),
      { enableHighAccuracy: true, maximumAge: 15_000, timeout: waitMs },
    );
  });
}

function positionOf({ coords, timestamp }: GeolocationPosition): Position {
  const { speed, heading, altitude } = coords;
  return {
    time: new Date(timestamp).toISOString(),
    lat: rounded(coords.latitude, 7),
    lon: rounded(coords.longitude, 7),
    accuracyM: rounded(Math.min(coords.accuracy, 100_000), 1),
    ...(speed === null || !(speed >= 0 && speed <= 1_000) ? {} : { speedMps: rounded(speed, 2) }),
    ...(heading === null || !(heading >= 0 && heading <= 360) ? {} : { headingDeg: rounded(heading, 1) }),
    ...(altitude === null || Math.abs(altitude) > 1_000 ? {} : { altitudeM: rounded(altitude, 1) }),
  };
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

function movedM(from: Position, to: Position): number {
  const north = to.lat - from.lat;
  const east = (to.lon - from.lon) * Math.cos((to.lat * Math.PI) / 180);
  return Math.hypot(north, east) * METRES_PER_DEGREE;
}
