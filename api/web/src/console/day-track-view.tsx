import { useEffect, useState } from "preact/hooks";
import type { MapLibre } from "../map/open-map.ts";
import type { ApiClient } from "./api-client.ts";
import { countOf, indexAt, pointsOf, type TrackPoint } from "./day-track.ts";
import { type FixJson, KINDS_OF_TRACK, type TrackKind } from "./fix.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { TimeSlider } from "./time-slider.tsx";
import { TrackLayers } from "./track-layers.ts";
import { dayBoundsMs, dayText } from "./words.ts";

type DayTrackProps = {
  client: ApiClient;
  watch: FleetWatch;
  map: MapLibre | null;
  deviceUid: string;
  nowMs: number;
};

const KIND_WORDS: Readonly<Record<TrackKind, string>> = {
  raw: "As reported",
  smoothed: "Smoothed",
  matched: "On the road",
};
/** A day at two fixes a second; beyond it the browser would only struggle. */
const POINTS_MAX = 172_800;

/** The day of one device: its three lines on the map, each to be shown or not, and a slider over its time. */
export function DayTrack({ client, watch, map, deviceUid, nowMs }: DayTrackProps) {
  const [day, setDay] = useState(dayText(nowMs));
  const { points, loading, failure } = useDayPoints(client, watch, deviceUid, day);
  const [hidden, setHidden] = useState<ReadonlySet<TrackKind>>(new Set());
  const [chosenMs, choose] = useState<number | null>(null);
  const index = chosenMs === null ? points.length - 1 : indexAt(points, chosenMs);
  // At the end the vehicle itself is there.
  useTrackOnMap(map, points, hidden, chosenMs === null ? undefined : points[index]);
  return (
    <section class="day" aria-labelledby="day-title">
      <div class="day-head">
        <h3 id="day-title">Track of the day</h3>
        <label class="visually-hidden" for="day">
          Day
        </label>
        <input
          id="day"
          class="input day-input"
          type="date"
          value={day}
          max={dayText(nowMs)}
          onChange={(event) => {
            if (event.currentTarget.value === "") return;
            setDay(event.currentTarget.value);
            choose(null);
          }}
        />
      </div>
      <fieldset class="kinds small">
        <legend class="visually-hidden">Lines shown</legend>
        {KINDS_OF_TRACK.map((kind) => (
          <label key={kind} class="kind">
            <input type="checkbox" checked={!hidden.has(kind)} onChange={() => setHidden(toggled(hidden, kind))} />
            <i class={`stroke ${kind}`} aria-hidden="true" />
            {KIND_WORDS[kind]} <span class="soft">{countOf(points, kind)}</span>
          </label>
        ))}
      </fieldset>
      {points.length > 0 && (
        <TimeSlider points={points} index={index} choose={(timeMs) => choose(timeMs)} followEnd={() => choose(null)} />
      )}
      <p class="small soft" role="status">
        {failure ??
          (loading ? `Reading … ${points.length} positions` : points.length === 0 ? "No position on this day." : "")}
      </p>
    </section>
  );
}

function toggled(set: ReadonlySet<TrackKind>, kind: TrackKind): ReadonlySet<TrackKind> {
  const next = new Set(set);
  if (!next.delete(kind)) next.add(kind);
  return next;
}

/** The fixes of a day page by page, and those that come while it is looked at. */
function useDayPoints(client: ApiClient, watch: FleetWatch, deviceUid: string, day: string) {
  const [points, setPoints] = useState<readonly TrackPoint[]>([]);
  const [loading, setLoading] = useState(true);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    const stopped = new AbortController();
    const [fromMs, toMs] = dayBoundsMs(day);
    const fixes: FixJson[] = [];
    const show = () => setPoints(pointsOf(fixes));
    setPoints([]);
    setLoading(true);
    setFailure(null);
    const read = async () => {
      const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
      const path = `/v1/devices/${encodeURIComponent(deviceUid)}/fixes?${range}`;
      for await (const page of client.pages<FixJson>(path, stopped.signal)) {
        fixes.push(...page);
        show();
        if (fixes.length < POINTS_MAX) continue;
        setFailure(`Only the first ${POINTS_MAX} positions of the day are shown.`);
        break;
      }
      setLoading(false);
    };
    read().catch((error: unknown) => {
      if (stopped.signal.aborted) return;
      setLoading(false);
      setFailure(`The day can't be read: ${error instanceof Error ? error.message : String(error)}.`);
    });
    const unlisten = watch.listenToFixes((fix) => {
      const timeMs = Date.parse(fix.time);
      if (fix.deviceUid !== deviceUid || timeMs < fromMs || timeMs >= toMs) return;
      fixes.push(fix);
      show();
    });
    return () => {
      unlisten();
      stopped.abort();
    };
  }, [client, watch, deviceUid, day]);
  return { points, loading, failure };
}

function useTrackOnMap(
  map: MapLibre | null,
  points: readonly TrackPoint[],
  hidden: ReadonlySet<TrackKind>,
  chosen: TrackPoint | undefined,
): void {
  const [layers, setLayers] = useState<TrackLayers | null>(null);
  useEffect(() => {
    if (map === null) return;
    const opened = new TrackLayers(map);
    setLayers(opened);
    return () => opened.close();
  }, [map]);
  useEffect(() => layers?.showLines(points), [layers, points]);
  useEffect(() => layers?.hide(hidden), [layers, hidden]);
  useEffect(() => layers?.showChosen(chosen?.fix), [layers, chosen]);
}
