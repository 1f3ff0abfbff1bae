import type { Shape } from "#stream/geofence/shape.ts";
import type { Rule, Visibility } from "./visibility-rule.ts";
import { FIELDS } from "./visibility-rule.ts";
import type { Place, TrackedStatus, TrackingFacts } from "./visible.ts";

/** Test support: days of a van as tracking links might meet them, with the odd contradiction that real data has. */

/** `ownLeg`: how many places of the remaining path lead to the watched stop; the others lead to other people's. */
export type HistoryState = { facts: TrackingFacts; ownLeg: number };

type Random = () => number;

/** Numbers in [0, 1) that repeat for the same seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const START_MS = Date.UTC(2026, 10, 22, 8);
const STEP_MS = 90_000;

/** One day: the van drives through its stops, the link of one of them is looked at after every step. */
export function* history(seed: number): Generator<HistoryState> {
  const random = randomOf(seed);
  const centre = { latDeg: -60 + random() * 120, lonDeg: -180 + random() * 360 };
  const reachDeg = random() < 0.3 ? 0.004 : 0.05;
  const stops = Array.from({ length: 1 + Math.floor(random() * 10) }, () => near(centre, reachDeg, random));
  const watched = Math.floor(random() * stops.length);
  const zones = Array.from({ length: Math.floor(random() * 3) }, () => zoneNear(pick(stops, random), reachDeg, random));
  const visibility = randomVisibility(random);
  const startStep = Math.floor(random() * 8) - 1;
  const lastStep = startStep + stops.length * 6 + 12;
  for (let step = 0; step <= lastStep; step++) {
    const progress = Math.max(0, (step - startStep) / 6);
    const ownLeg = nextStop(progress, stops) === watched ? 1 + LEG_PLACES : 0;
    yield { facts: factsAt({ random, stops, watched, zones, visibility, startStep, step, progress }), ownLeg };
  }
}

type Moment = {
  random: Random;
  stops: readonly Place[];
  watched: number;
  zones: readonly Shape[];
  visibility: Visibility;
  startStep: number;
  step: number;
  /** Stops driven, with the share of the leg in hand. */
  progress: number;
};

function factsAt(moment: Moment): TrackingFacts {
  const { random, stops, watched, zones, visibility, startStep, step, progress } = moment;
  const nowMs = START_MS + step * STEP_MS;
  const next = nextStop(progress, stops);
  const from = next === 0 ? { latDeg: stops[0]!.latDeg + 0.01, lonDeg: stops[0]!.lonDeg } : stops[next - 1]!;
  const at = between(from, stops[next]!, Math.min(1, progress - next));
  const started = step >= startStep;
  const served = progress >= watched + 1;
  const over = served && progress >= watched + 1.3;
  const status = random() < 0.03 ? pick(STATUSES, random) : statusOf({ started, served, over, random });
  const isRouteOver = progress >= stops.length + 1;
  const noise = () => near(at, 0.002, random);
  return {
    nowMs,
    visibility,
    offlineS: 1_800,
    route:
      random() < 0.02
        ? null
        : {
            status: random() < 0.02 ? "cancelled" : isRouteOver ? "completed" : started ? "started" : "planned",
            startedAtMs: started && random() > 0.01 ? START_MS + startStep * STEP_MS : null,
            remainingPath: random() < 0.1 ? null : pathThrough(at, stops.slice(next), random),
          },
    stop: {
      ...stops[watched]!,
      status,
      completedAtMs: over && random() > 0.05 ? nowMs - STEP_MS : null,
      stopsBefore: random() < 0.05 || next > watched ? null : watched - next,
      eta: random() < 0.1 ? null : etaAt(nowMs + (watched + 1 - progress) * 300_000),
      proof: over && random() < 0.8 ? proofAt(nowMs - STEP_MS, random) : null,
    },
    vehicle:
      random() < 0.03
        ? null
        : {
            kind: "van",
            plate: random() < 0.5 ? "AB 123" : null,
            fix:
              random() < 0.05
                ? null
                : {
                    places: random() < 0.5 ? [at] : [at, noise(), noise()],
                    headingDeg: random() < 0.2 ? null : Math.floor(random() * 360),
                    timeMs: nowMs - (random() < 0.1 ? random() * 4_000_000 : random() * 60_000),
                  },
          },
    driverGivenName: pick([null, "Ana", "Ana Sousa", "  Jörg  Müller ", "Jean-Luc"], random),
    privacyZones: zones,
  };
}

const STATUSES: readonly TrackedStatus[] = [
  ...(["planned", "en_route", "approaching", "arrived", "departed"] as const),
  ...(["delivered", "failed", "missed", "cancelled"] as const),
];

function statusOf(seen: { started: boolean; served: boolean; over: boolean; random: Random }): TrackedStatus {
  if (seen.over) return pick(["departed", "delivered", "delivered", "failed", "missed"], seen.random);
  if (seen.served) return "arrived";
  return seen.started ? pick(["en_route", "approaching"], seen.random) : "planned";
}

function nextStop(progress: number, stops: readonly Place[]): number {
  return Math.min(Math.floor(progress), stops.length - 1);
}

const SHARES = [0.3, 0.6, 0.9];
const LEG_PLACES = SHARES.length + 1;

function pathThrough(at: Place, stops: readonly Place[], random: Random): Place[] {
  const path = [at];
  for (const stop of stops) {
    const from = path.at(-1)!;
    for (const share of SHARES) path.push(near(between(from, stop, share), 0.0003, random));
    // The road ends in front of the house, not in it.
    path.push(near(stop, 0.0004, random));
  }
  return path;
}

function randomVisibility(random: Random): Visibility {
  const rule = (): Rule => {
    const kind = random();
    if (kind < 0.15) return "never";
    if (kind < 0.45) return "always";
    if (kind < 0.65) return { withinStops: Math.floor(random() * 6) };
    if (kind < 0.85) return { withinMinutes: Math.floor(random() * 40) };
    return { withinMetres: Math.floor(random() * 5_000) };
  };
  return Object.fromEntries(FIELDS.map((field) => [field, rule()])) as Visibility;
}

function zoneNear(place: Place, reachDeg: number, random: Random): Shape {
  const { latDeg, lonDeg } = near(place, reachDeg, random);
  if (random() < 0.6) return { kind: "circle", latDeg, lonDeg, radiusM: 50 + random() * 800 };
  const half = 0.001 + random() * 0.005;
  const corners = [
    ...[lonDeg - half, latDeg - half, lonDeg + half, latDeg - half],
    ...[lonDeg + half, latDeg + half, lonDeg - half, latDeg + half],
  ];
  return { kind: "area", polygons: [[Float64Array.from([...corners, corners[0]!, corners[1]!])]] };
}

function etaAt(p50Ms: number) {
  return { p10Ms: p50Ms - 120_000, p50Ms, p90Ms: p50Ms + 240_000, toldAtMs: p50Ms - 900_000 };
}

function proofAt(atMs: number, random: Random) {
  const outcome = random() < 0.7 ? ("delivered" as const) : ("failed" as const);
  return { outcome, atMs, recipientInitials: "M. K.", reason: null, photoIds: ["7"] };
}

function between(from: Place, to: Place, share: number): Place {
  return {
    latDeg: from.latDeg + share * (to.latDeg - from.latDeg),
    lonDeg: from.lonDeg + share * (to.lonDeg - from.lonDeg),
  };
}

function near({ latDeg, lonDeg }: Place, reachDeg: number, random: Random): Place {
  return { latDeg: latDeg + (random() - 0.5) * reachDeg, lonDeg: lonDeg + (random() - 0.5) * reachDeg };
}

function pick<T>(values: readonly T[], random: Random): T {
  return values[Math.floor(random() * values.length)]!;
}
