import type { Fix, StreamEvent } from "../stage.ts";
import type { JournalInput } from "./tracked-route.ts";

/** Inputs of a route's fold straight from what the stages give, for measurements that have no store in between. */

export function fixInput(fix: Fix, seq: number): JournalInput {
  const { latDeg, lonDeg } = fix as { latDeg: number; lonDeg: number };
  return { kind: "fix", seq, fix: { ...fix, latDeg, lonDeg } };
}

/** `event`: of a geofence, entered or exited. */
export function crossingInput(event: StreamEvent, seq: number): JournalInput {
  const { eventId, deviceId, supersedes, replayed, occurredAtMs: atMs, detectedAtMs: receivedAtMs, data } = event;
  const type = event.type === "geofence.entered" ? "entered" : "exited";
  const geofenceId = data.geofenceId as number;
  const withdrawn = data.withdrawn === true;
  return {
    kind: "crossing",
    crossing: { eventId, deviceId, type, atMs, supersedes, withdrawn, geofenceId, receivedAtMs, replayed, seq },
  };
}
