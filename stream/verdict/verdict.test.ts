import { expect, test } from "vitest";
import type { Evidence, OtherPod, TrackFix } from "./evidence.ts";
import { explain, SENTENCES_MAX } from "./explain.ts";
import { combine, judge } from "./judge.ts";
import { verdictMap } from "./map.ts";
import { momentOf } from "./moment.ts";
import { contradicts, info, missing, REASON_CODES, type ReasonCode, supports, supportsWeakly } from "./reason.ts";

const AT_MS = Date.UTC(2026, 10, 2, 9);
const STOP = { stopId: "1", latDeg: 41.15, lonDeg: -8.61 };
const north = (metres: number): number => STOP.latDeg + metres / 111_195;

type Leg = { fromS: number; toS: number; northM: number; speedMps?: number; everyS?: number } & Partial<TrackFix>;

/** A vehicle that is at places for times; it is nowhere in between. */
function fixesOf(...legs: Leg[]): TrackFix[] {
  return legs.flatMap(({ fromS, toS, northM, everyS = 10, ...rest }) =>
    Array.from({ length: Math.floor((toS - fromS) / everyS) + 1 }, (_, n): TrackFix => {
      const second = fromS + n * everyS;
      return {
        ...{ id: `v${second}`, timeMs: AT_MS + second * 1000, latDeg: north(northM), lonDeg: STOP.lonDeg },
        ...{ speedMps: 0, sigmaM: 6, mock: false, doorOpen: null, ignition: null },
        ...rest,
      };
    }),
  );
}

const phoneAt = (northM: number, accuracyM = 8) => ({
  ...{ latDeg: north(northM), lonDeg: STOP.lonDeg, accuracyM },
  timeMs: AT_MS - 3_000,
});

function evidence(change: Omit<Partial<Evidence>, "pod"> & { pod?: Partial<Evidence["pod"]> } = {}): Evidence {
  const { pod, ...rest } = change;
  return {
    ...{ evaluatedAtMs: AT_MS + 3_600_000, planVersion: 1, stop: STOP, otherStops: [], visits: [] },
    vehicle: { fixes: fixesOf({ fromS: -600, toS: 600, northM: 15 }), throughMs: AT_MS + 600_000 },
    ...{ phone: null, artefacts: [], otherPods: [], missingFields: [], pinConfirmed: false, temperature: null },
    ...rest,
    pod: {
      ...{ podId: "7", outcome: "delivered", position: phoneAt(4), mock: false },
      ...{ deviceTimeMs: AT_MS, sentAtMs: AT_MS + 1_000, receivedAtMs: AT_MS + 1_500 },
      ...pod,
    },
  };
}

const track = (...legs: Leg[]): Evidence["vehicle"] => ({ fixes: fixesOf(...legs), throughMs: AT_MS + 900_000 });
const otherStop = { stopId: "2", latDeg: north(2_000), lonDeg: STOP.lonDeg };
const otherPod = (n: number, seconds: number): OtherPod => ({
  ...{ podId: `o${n}`, stopId: `s${n}`, latDeg: north(1_000 * n), lonDeg: STOP.lonDeg },
  ...{ deviceTimeMs: AT_MS + seconds * 1000, sentAtMs: AT_MS + seconds * 1000, receivedAtMs: AT_MS + seconds * 1000 },
});
const visit = (stopId: string, fromS: number, toS: number | null) => ({
  ...{ stopId, arrivedAtMs: AT_MS + fromS * 1000, departedAtMs: toS === null ? null : AT_MS + toS * 1000 },
  evidenceIds: [`event:${fromS}`],
});

/** Each code where it must be said, and beside it where it must not. */
const CASES: readonly [code: ReasonCode, said: Evidence, unsaid: Evidence][] = [
  ["VEHICLE_AT_STOP", evidence(), evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 120 }) })],
  [
    "VEHICLE_FAR",
    evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 900 }) }),
    // What happened in a gap of five minutes nobody knows.
    evidence({ vehicle: track({ fromS: -600, toS: -150, northM: 900 }, { fromS: 150, toS: 600, northM: 900 }) }),
  ],
  ["POD_IN_DWELL", evidence({ visits: [visit("1", -200, -100)] }), evidence({ visits: [visit("1", -300, -150)] })],
  ["POD_OUTSIDE_DWELL", evidence({ visits: [visit("1", 70, 300)] }), evidence({ visits: [visit("1", 50, 300)] })],
  [
    "NO_STOP",
    evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 20, speedMps: 9 }) }),
    evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 20, speedMps: 9, everyS: 20 }) }),
  ],
  ["DWELL_SHORT", evidence({ visits: [visit("1", -10, 8)] }), evidence({ visits: [visit("1", -10, 12)] })],
  ["PHONE_AT_STOP", evidence(), evidence({ pod: { position: phoneAt(4, 150) } })],
  [
    "PHONE_FAR_FROM_VEHICLE",
    evidence({ pod: { position: phoneAt(400) } }),
    evidence({ pod: { position: phoneAt(220) } }),
  ],
  [
    "WRONG_STOP",
    evidence({
      ...{ vehicle: track({ fromS: -600, toS: 600, northM: 2_000 }), otherStops: [otherStop] },
      visits: [visit("2", -200, 200)],
    }),
    // Here a quarter of an hour before: signed late.
    evidence({
      vehicle: track({ fromS: -1_200, toS: -900, northM: 10 }, { fromS: -600, toS: 600, northM: 2_000 }),
      ...{ otherStops: [otherStop], visits: [visit("1", -1_200, -900), visit("2", -200, 200)] },
    }),
  ],
  [
    "SAME_ARTEFACT_REUSED",
    evidence({
      artefacts: [{ kind: "photo", sha256: "a", usedBefore: [{ ...otherStop, podId: "3", receivedAtMs: AT_MS }] }],
    }),
    // One signature for two doors of one house.
    evidence({
      artefacts: [
        { kind: "signature", sha256: "a", usedBefore: [{ ...STOP, stopId: "2", podId: "3", receivedAtMs: AT_MS }] },
      ],
    }),
  ],
  [
    "BATCH_SIGNING",
    evidence({ otherPods: [otherPod(1, -25), otherPod(2, 30)] }),
    evidence({ otherPods: [otherPod(1, -35), otherPod(2, 30)] }),
  ],
  ["MOCK_LOCATION", evidence({ pod: { mock: true } }), evidence()],
  [
    "DOOR_OPEN",
    evidence({ vehicle: track({ fromS: -300, toS: 600, northM: 9, doorOpen: true }) }),
    evidence({ vehicle: track({ fromS: -300, toS: 600, northM: 9, doorOpen: false }) }),
  ],
  [
    "NO_DOOR_EVENT",
    evidence({ vehicle: track({ fromS: -300, toS: 600, northM: 9, doorOpen: false }) }),
    evidence({ vehicle: track({ fromS: -300, toS: 600, northM: 9, doorOpen: false, everyS: 30 }) }),
  ],
  ["IGNITION_OFF", evidence({ vehicle: track({ fromS: -300, toS: 600, northM: 9, ignition: false }) }), evidence()],
  ["PIN_CONFIRMED", evidence({ pinConfirmed: true }), evidence()],
  ["CLOCK_SKEW", evidence({ pod: { deviceTimeMs: AT_MS + 25_200_000, sentAtMs: AT_MS + 25_201_000 } }), evidence()],
  ["DATA_GAP", evidence({ vehicle: track({ fromS: -600, toS: -100, northM: 9 }) }), evidence()],
  [
    "TELEMETRY_PENDING",
    evidence({ vehicle: { fixes: fixesOf({ fromS: -600, toS: -100, northM: 9 }), throughMs: AT_MS - 100_000 } }),
    evidence({
      evaluatedAtMs: AT_MS + 90_000_000,
      vehicle: { fixes: fixesOf({ fromS: -600, toS: -100, northM: 9 }), throughMs: AT_MS - 100_000 },
    }),
  ],
  ["REQUIRED_FIELD_MISSING", evidence({ missingFields: ["pin"] }), evidence()],
  [
    "GEOCODE_DOUBT",
    evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 180 }), pod: { position: phoneAt(180) } }),
    evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 180 }), pod: { position: phoneAt(0) } }),
  ],
];

test.each(CASES)("%s is said where it is due and not beside it", (code, said, unsaid) => {
  const codes = (of: Evidence): ReasonCode[] => judge(of).reasons.map((reason) => reason.code);
  expect(codes(said)).toContain(code);
  expect(codes(unsaid)).not.toContain(code);
});

test("every code of the table has its case", () => {
  const cold = ["TEMPERATURE_EXCURSION", "TEMPERATURE_UNKNOWN"];
  expect([...CASES.map(([code]) => code), ...cold].toSorted()).toEqual([...REASON_CODES].toSorted());
});

test("one hard contradiction beats all support; two independent sources corroborate; gaps say nothing", () => {
  const vehicle = supports("VEHICLE_AT_STOP", { source: "vehicle" });
  const dwell = supports("POD_IN_DWELL", { source: "vehicle" });
  const phone = supports("PHONE_AT_STOP", { source: "phone" });
  const off = supportsWeakly("IGNITION_OFF", { source: "vehicle" });
  const gap = missing("DATA_GAP", { source: "vehicle" });
  const soft = contradicts("POD_OUTSIDE_DWELL", "soft", { source: "vehicle" });
  const hard = contradicts("SAME_ARTEFACT_REUSED", "hard", { source: "artefact" });
  const mock = contradicts("MOCK_LOCATION", "phone", { source: "phone" });
  const lacking = missing("REQUIRED_FIELD_MISSING", { source: "policy" });
  expect(combine([vehicle, phone], true)).toBe("corroborated");
  expect(combine([vehicle, phone, gap, info("CLOCK_SKEW", { source: "clock" })], true)).toBe("corroborated");
  expect(combine([vehicle, dwell, off], true)).toBe("inconclusive");
  expect(combine([phone, phone], true)).toBe("inconclusive");
  expect(combine([gap, soft, soft], true)).toBe("inconclusive");
  expect(combine([vehicle, phone, soft], true)).toBe("corroborated_with_exceptions");
  expect(combine([vehicle, phone, lacking], true)).toBe("corroborated_with_exceptions");
  expect(combine([vehicle, phone, mock], true)).toBe("inconclusive");
  expect(combine([vehicle, dwell, phone, hard], true)).toBe("contradicted");
  expect(combine([], false)).toBe("not_evaluated");
});

test("without a tracker and without a position nothing is evaluated", () => {
  expect(judge(evidence({ vehicle: null, pod: { position: null } })).verdict).toBe("not_evaluated");
});

test("a clock that is hours off is set right where that is certain, and accuses nobody where it is not", () => {
  const offMs = 25_200_000;
  const far = track({ fromS: -600, toS: 600, northM: 15 });
  for (const sign of [1, -1]) {
    const deviceTimeMs = AT_MS + sign * offMs;
    const right = judge(evidence({ vehicle: far, pod: { deviceTimeMs, sentAtMs: deviceTimeMs + 1_000 } }));
    expect([right.podAtMs - AT_MS <= 1_000, right.podTimeCertain]).toEqual([true, true]);
    const unsure = judge(evidence({ vehicle: far, pod: { deviceTimeMs, sentAtMs: null } }));
    expect(unsure.podTimeCertain).toBe(false);
    expect(unsure.reasons.filter(({ effect }) => effect === "contradicts")).toEqual([]);
  }
  const queued = momentOf({ deviceTimeMs: AT_MS, sentAtMs: AT_MS + 2_400_000, receivedAtMs: AT_MS + 2_401_000 });
  expect(queued).toMatchObject({ atMs: AT_MS, certain: true });
});

test("an uncertain place far away is no contradiction", () => {
  const vague = evidence({ vehicle: track({ fromS: -600, toS: 600, northM: 500, sigmaM: 80 }) });
  expect(judge(vague).reasons.map(({ code }) => code)).not.toContain("VEHICLE_FAR");
});

test("the explanation is at most six sentences, with the numbers, what weighs most first", () => {
  const busy = evidence({
    ...{ vehicle: track({ fromS: -600, toS: 600, northM: 2_500, speedMps: 9, everyS: 10 }), missingFields: ["pin"] },
    otherPods: [otherPod(1, -25), otherPod(2, 30)],
    artefacts: [{ kind: "photo", sha256: "a", usedBefore: [{ ...otherStop, podId: "3", receivedAtMs: AT_MS }] }],
    temperature: {
      rule: { minCelsius: 2, maxCelsius: 8, intervalS: 60 },
      ...{ fromMs: AT_MS - 900_000, toMs: AT_MS },
      samples: Array.from({ length: 16 }, (_, n) => ({
        id: `t${n}`,
        timeMs: AT_MS - n * 60_000,
        probe: "1",
        celsius: 12,
      })).toReversed(),
    },
  });
  const sentences = explain(judge(busy));
  expect(sentences.length).toBe(SENTENCES_MAX);
  expect(sentences[0]).toBe("Telemetry contradicts this proof of delivery.");
  expect(sentences[1]).toContain("2.5 km");
  expect(sentences.at(-1)).toBe("The load was above 8 °C for 15 min, 12 °C at worst.");
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/);
});

test("the map is one well-formed picture without anything of the recipient, whatever the evidence", () => {
  for (const [, said] of CASES) {
    const svg = verdictMap(said);
    expect(svg).toMatch(/^<svg [^<]*>(<[a-z]+ [^<>]*(\/>|>[^<>]*<\/text>))+<\/svg>$/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.length).toBeLessThan(8_000);
  }
});

test("the same evidence gives the same verdict", () => {
  for (const [, said] of CASES) expect(judge(structuredClone(said))).toEqual(judge(said));
});
