import type { Attributes } from "#decoders/decoder.ts";
import type { LinePoint } from "./route-mismatch.ts";
import type { SaidFix, SaidPath, SaidTrip, SaidVisit, ScoredDrive } from "./score.ts";
import type { ScoredFence } from "./true-track.ts";

/** The gateway's HTTP API as the scorer reads it. */
export type ScoreApi = {
  /** Makes circular geofences; their ids are those that visits carry. */
  createFences(fences: readonly Omit<ScoredFence, "fenceId">[]): Promise<ScoredFence[]>;
  deleteFences(fences: readonly ScoredFence[]): Promise<void>;
  /** What the service says of a device between two times (Unix ms); `trueMsOf` finds when a record was made. */
  readDrive(
    uid: string,
    fromMs: number,
    toMs: number,
    trueMsOf: (attributes: Attributes) => number | undefined,
  ): Promise<Omit<ScoredDrive, "track" | "fences" | "visits">>;
  /** The visits of all devices, by uid. */
  readVisits(sinceMs: number): Promise<Map<string, SaidVisit[]>>;
};

type PlaceJson = { lat: number; lon: number };
type FixJson = {
  time: string;
  lat: number | null;
  lon: number | null;
  late: boolean;
  attributes: Attributes;
  smoothed: PlaceJson | null;
  matched: (PlaceJson & { wayId: number; forward: boolean }) | null;
};
type TripJson = { startedAt: string; endedAt: string | null; distanceM: number | null };
type PathJson = {
  features: { geometry: { coordinates: [number, number][] }; properties: { enteredAt: string; leftAt: string } }[];
};
type EventJson = {
  id: string;
  type: string;
  deviceUid: string | null;
  occurredAt: string;
  supersedes: string | null;
  data: Attributes;
};
type Page<Item> = { data: Item[]; next_cursor: string | null; has_more: boolean };

const PAGE_ITEMS = 1_000;
const REQUEST_TIMEOUT_MS = 30_000;

export class ScoreApiError extends Error {
  readonly code = "score_api";
}

export function openScoreApi(apiUrl: string, apiKey: string): ScoreApi {
  async function ask<Answer>(path: string, init: { method?: string; body?: object } = {}): Promise<Answer> {
    const { method = "GET", body } = init;
    const response = await fetch(new URL(path, apiUrl), {
      method,
      headers: { authorization: `Bearer ${apiKey}`, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const answer = await response.text();
    if (!response.ok) throw new ScoreApiError(`${method} ${path} answered ${response.status}: ${answer.slice(0, 300)}`);
    return (answer === "" ? undefined : JSON.parse(answer)) as Answer;
  }

  async function* pages<Item>(path: string): AsyncGenerator<Item[]> {
    for (let after = ""; ; ) {
      const joint = path.includes("?") ? "&" : "?";
      const page = await ask<Page<Item>>(`${path}${joint}limit=${PAGE_ITEMS}${after}`);
      yield page.data;
      if (!page.has_more || page.next_cursor === null) return;
      after = `&after=${encodeURIComponent(page.next_cursor)}`;
    }
  }

  async function createFences(fences: readonly Omit<ScoredFence, "fenceId">[]): Promise<ScoredFence[]> {
    const made: ScoredFence[] = [];
    for (const fence of fences) {
      const { latDeg, lonDeg, radiusM } = fence;
      const { id } = await ask<{ id: string }>("/v1/geofences", {
        method: "POST",
        body: {
          type: "Feature",
          geometry: { type: "Point", coordinates: [lonDeg, latDeg] },
          properties: { name: "Scored", radius_m: radiusM },
        },
      });
      made.push({ ...fence, fenceId: String(id) });
    }
    return made;
  }

  async function deleteFences(fences: readonly ScoredFence[]): Promise<void> {
    for (const { fenceId } of fences) await ask(`/v1/geofences/${fenceId}`, { method: "DELETE" });
  }

  async function readDrive(
    uid: string,
    fromMs: number,
    toMs: number,
    trueMsOf: (attributes: Attributes) => number | undefined,
  ): ReturnType<ScoreApi["readDrive"]> {
    const device = `/v1/devices/${encodeURIComponent(uid)}`;
    const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
    const fixes: SaidFix[] = [];
    for await (const page of pages<FixJson>(`${device}/fixes`))
      for (const fix of page) {
        const trueMs = trueMsOf(fix.attributes);
        if (trueMs === undefined || fix.lat === null || fix.lon === null) continue;
        fixes.push({ ...saidFix(fix), trueMs, raw: { latDeg: fix.lat, lonDeg: fix.lon } });
      }
    const trips: SaidTrip[] = [];
    for await (const page of pages<TripJson>(`${device}/trips?${range}`))
      for (const { startedAt, endedAt, distanceM } of page)
        if (endedAt !== null && distanceM !== null)
          trips.push({ startedMs: Date.parse(startedAt), endedMs: Date.parse(endedAt), distanceM });
    const { features } = await ask<PathJson>(`${device}/path?${range}`);
    return { fixes, trips, path: features.map(saidPath) };
  }

  async function readVisits(sinceMs: number): Promise<Map<string, SaidVisit[]>> {
    const standing = new Map<string, EventJson>();
    for await (const page of pages<EventJson>("/v1/feeds/events"))
      for (const event of page) {
        if (!/^geofence\.(entered|exited)$/.test(event.type) || Date.parse(event.occurredAt) < sinceMs) continue;
        if (event.supersedes !== null) standing.delete(event.supersedes);
        if (event.data.withdrawn !== true) standing.set(event.id, event);
      }
    return visitsOf([...standing.values()]);
  }

  return { createFences, deleteFences, readDrive, readVisits };
}

function saidFix({ time, late, smoothed, matched }: FixJson): Omit<SaidFix, "trueMs" | "raw"> {
  return {
    ...{ storedMs: Date.parse(time), late },
    smoothed: smoothed && { latDeg: smoothed.lat, lonDeg: smoothed.lon },
    matched: matched && {
      ...{ latDeg: matched.lat, lonDeg: matched.lon, wayId: matched.wayId, forward: matched.forward },
    },
  };
}

function saidPath({ geometry, properties }: PathJson["features"][number]): SaidPath {
  return {
    ...{ enteredMs: Date.parse(properties.enteredAt), leftMs: Date.parse(properties.leftAt) },
    line: geometry.coordinates.map(([lon, lat]): LinePoint => [lat, lon]),
  };
}

/** Arrivals and departures in order of time as visits, by device. */
function visitsOf(events: readonly EventJson[]): Map<string, SaidVisit[]> {
  const visits = new Map<string, SaidVisit[]>();
  for (const { type, deviceUid, occurredAt, data } of events.toSorted((a, b) =>
    a.occurredAt.localeCompare(b.occurredAt),
  )) {
    const said = visits.get(deviceUid ?? "") ?? [];
    visits.set(deviceUid ?? "", said);
    const [fenceId, atMs] = [String(data.geofenceId), Date.parse(occurredAt)];
    const open = said.findLast((visit) => visit.fenceId === fenceId && visit.exitedAtMs === null);
    if (type === "geofence.entered") said.push({ fenceId, enteredAtMs: atMs, exitedAtMs: null });
    else if (open !== undefined) open.exitedAtMs = atMs;
  }
  return visits;
}
