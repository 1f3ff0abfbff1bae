import { createHash } from "node:crypto";
import type { Artefact, Evidence, OtherPod, StopPlace, TrackFix, Visit } from "#stream/verdict/evidence.ts";
import { between, pick, type Random } from "../random.ts";
import { type CaseKind, drawKinds } from "./case-kinds.ts";
import { driveDay, type TrueStop } from "./drive-day.ts";
import { phoneFixes, trackerFixes, trackerSigmas } from "./receivers.ts";
import { simulatedSamples, TEMPERATURE_RULE } from "./temperatures.ts";
import { degreesOf, gaussian, placeStops, type Site } from "./town.ts";
import { visitsOf } from "./visits.ts";

/** A simulated POD: the evidence as it is when the POD comes in, and when everything has come that ever will. */
export type PodCase = { kind: CaseKind; atReceipt: Evidence; atLast: Evidence };

const START_MS = Date.UTC(2026, 10, 2, 5);
const DAY_MS = 86_400_000;
const STOPS = 10;
const SAMPLING_S = [1, 2, 5, 10] as const;
const SPARSE_S = 30;
/** What the service reads of a vehicle around a POD. */
const BEFORE_S = 2_400;
const AFTER_S = 900;
const LATE_S = 2_400;
const CLOCK_OFF_S = 25_200;

/** One van's day of ten stops, `day` of the run. */
export function simulatePodDay(random: Random, day: number): PodCase[] {
  const kinds = drawKinds(random, STOPS);
  const sites = placeStops(
    random,
    kinds.map((kind) => kind === "next door"),
  );
  const { states, stops } = driveDay(random, sites, kinds);
  const startMs = START_MS + day * DAY_MS;
  // Moving past without stopping is only seen by who looks often.
  const isSparse = !kinds.includes("never stopped") && random() < 0.15;
  const everyS = isSparse ? SPARSE_S : SAMPLING_S[pick(random, SAMPLING_S.length)]!;
  const withDoors = random() < 0.5;
  const fixes = trackerFixes(random, states, trackerSigmas(states, stops), { everyS, withDoors }, startMs);
  const places = stops.map((stop, index): StopPlace => ({ stopId: `${day}.${index}`, ...degreesOf(stop.planned) }));
  const pods = stops.map((stop, index) => podOf(random, stop, index, places, day, startMs));
  const visits = visitsOf(fixes, places);
  return stops.map((stop, index) => {
    const pod = pods[index]!;
    const heard = heardOf(stop, fixes, startMs);
    const about = heard.filter(({ timeMs }) => {
      const fromPodS = (timeMs - startMs) / 1000 - stop.podAtS;
      return fromPodS >= -BEFORE_S && fromPodS <= AFTER_S;
    });
    const all: Evidence = {
      evaluatedAtMs: pod.receivedAtMs + DAY_MS * 1.1,
      planVersion: 1,
      pod: { ...pod, outcome: "delivered" },
      stop: places[index]!,
      otherStops: places.filter((_, other) => other !== index),
      vehicle: { fixes: about, throughMs: heard.at(-1)?.timeMs ?? null },
      phone: phoneTrack(random, stop, startMs),
      visits: heard === fixes ? visits : visitsOf(heard, places),
      artefacts: artefactsOf(stop.kind, index, pods),
      otherPods: pods.filter((_, other) => other !== index),
      missingFields: [],
      pinConfirmed: false,
      temperature: temperatureAsked(random, stop, startMs),
    };
    return { kind: stop.kind, atReceipt: atReceipt(all, stop), atLast: all };
  });
}

type SimulatedPod = OtherPod & Pick<Evidence["pod"], "position" | "mock">;

function podOf(
  random: Random,
  stop: TrueStop,
  index: number,
  places: readonly StopPlace[],
  day: number,
  startMs: number,
): SimulatedPod {
  const madeMs = startMs + stop.podAtS * 1000;
  const receivedAtMs = madeMs + (stop.kind === "late upload" ? LATE_S : between(random, 1, 25)) * 1000;
  const skewS = stop.kind === "clock 7 h off" ? CLOCK_OFF_S * (random() < 0.5 ? 1 : -1) : gaussian(random) * 4;
  const deviceTimeMs = Math.round(madeMs + skewS * 1000);
  const accuracyM = stop.kind === "urban canyon" ? between(random, 20, 60) : between(random, 5, 25);
  const seen = degreesOf(erring(random, stop.phone, accuracyM / 1.5));
  const hasPosition = stop.kind !== "phone dead";
  return {
    ...{ podId: `${day}.${index}`, ...places[index]!, deviceTimeMs, receivedAtMs: Math.round(receivedAtMs) },
    // Apps of others don't say what their clock shows when they send.
    sentAtMs: random() < 0.8 ? Math.round(receivedAtMs + skewS * 1000 - between(random, 0, 2_000)) : null,
    position: hasPosition ? { ...seen, accuracyM, timeMs: deviceTimeMs - pick(random, 8) * 1000 } : null,
    mock: stop.kind === "mocked phone" && random() < 0.5,
  };
}

function erring(random: Random, { east, north }: Site, sigmaM: number): Site {
  return { east: east + gaussian(random) * sigmaM, north: north + gaussian(random) * sigmaM };
}

/** What was ever heard of the vehicle, for a tracker that may have died or slept about this stop. */
function heardOf(stop: TrueStop, fixes: readonly TrackFix[], startMs: number): readonly TrackFix[] {
  const outsideS = (fromS: number, toS: number): TrackFix[] =>
    fixes.filter(({ timeMs }) => timeMs < startMs + fromS * 1000 || timeMs > startMs + toS * 1000);
  if (stop.kind === "tracker dead") return outsideS(stop.podAtS - 3_600, Number.POSITIVE_INFINITY);
  if (stop.kind === "tracker asleep") return outsideS(stop.parkedFromS! - 30, stop.parkedToS! + 90);
  return fixes;
}

function phoneTrack(random: Random, stop: TrueStop, startMs: number): Evidence["phone"] {
  if (stop.kind === "phone dead" || random() < 0.4) return null;
  const mock = stop.kind === "mocked phone" ? (["flag", "still", "jump"] as const)[pick(random, 3)]! : null;
  const fixes = phoneFixes(random, stop, { site: stop.phone, mock }, startMs);
  return { fixes, throughMs: fixes.at(-1)!.timeMs };
}

function artefactsOf(kind: CaseKind, index: number, pods: readonly SimulatedPod[]): Artefact[] {
  const pod = pods[index]!;
  const before = pods[index - 1] ?? pods[index + 1]!;
  const sha256 = (of: OtherPod): string => createHash("sha256").update(of.podId).digest("hex");
  const reused: Artefact = { kind: "photo", sha256: sha256(before), usedBefore: [before] };
  if (kind === "reused photo")
    return [{ ...reused, usedBefore: [{ ...before, receivedAtMs: pod.receivedAtMs - 3_600_000 }] }];
  // One person signs once for both doors.
  if (kind === "next door") return [{ ...reused, kind: "signature" }];
  return [{ kind: "photo", sha256: sha256(pod), usedBefore: [] }];
}

function temperatureAsked(random: Random, stop: TrueStop, startMs: number): Evidence["temperature"] {
  const isCold = stop.kind === "temperature excursion" || stop.kind === "probe gap";
  if (!isCold && random() < 0.7) return null;
  const toMs = startMs + stop.podAtS * 1000;
  const fromMs = toMs - 3_600_000;
  const fault = stop.kind === "temperature excursion" ? "excursion" : stop.kind === "probe gap" ? "gap" : null;
  return { rule: TEMPERATURE_RULE, fromMs, toMs, samples: simulatedSamples(random, fromMs, toMs, fault) };
}

/** What of it is there the moment the POD comes in. */
function atReceipt(all: Evidence, stop: TrueStop): Evidence {
  const nowMs = all.pod.receivedAtMs;
  // With a late upload the van was out of coverage too.
  const throughMs = stop.kind === "late upload" ? nowMs - LATE_S * 1000 - 60_000 : nowMs;
  const fixes = all.vehicle!.fixes.filter(({ timeMs }) => timeMs <= throughMs);
  const phone = all.phone?.fixes.filter(({ timeMs }) => timeMs <= nowMs) ?? [];
  const visits = all.visits.filter(({ arrivedAtMs }) => arrivedAtMs <= throughMs);
  return {
    ...all,
    evaluatedAtMs: nowMs,
    vehicle: { fixes, throughMs: fixes.at(-1)?.timeMs ?? null },
    phone: all.phone === null ? null : { fixes: phone, throughMs: nowMs },
    visits: visits.map(
      (visit): Visit => ({
        ...visit,
        departedAtMs: visit.departedAtMs !== null && visit.departedAtMs <= throughMs ? visit.departedAtMs : null,
      }),
    ),
    otherPods: all.otherPods.filter(({ receivedAtMs }) => receivedAtMs <= nowMs),
  };
}
