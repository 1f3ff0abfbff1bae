import { expect, test } from "vitest";
import type { Fix, FrameStep } from "../stage.ts";
import { type SmoothStageState, smoothStage } from "./smooth-stage.ts";

function fixAt(timeS: number, latDeg: number, late: boolean): Fix {
  return {
    ...{ fixId: timeS, deviceId: 7, fixTimeMs: timeS * 1000, dated: true, receivedAtMs: 0, fingerprint: timeS },
    ...{ protocol: "teltonika", clockFault: null, deviceTimeMs: null, smoothed: null, matched: null, trackM: null },
    ...{ cell: null, kind: "fix", valid: true, latDeg, lonDeg: 12, altitudeM: null, speedMps: null, headingDeg: null },
    ...{ satellites: 9, hdop: null, accuracyM: 5, event: null, buffered: late, attributes: {}, late },
  };
}

/** Latitudes as smoothed, frame by frame. */
function follow(frames: readonly (readonly Fix[])[]): number[][] {
  const { runFrame } = smoothStage as unknown as FrameStep<SmoothStageState>;
  let state: SmoothStageState = smoothStage.initial;
  return frames.map((fixes) => {
    const step = runFrame(
      state,
      fixes.map((fix) => ({ kind: "fix", fix })),
      {},
    );
    state = step.state;
    return step.outputs.map((item) => (item.kind === "fix" ? item.fix.smoothed!.latDeg : Number.NaN));
  });
}

const live = (from: number): Fix[] => [0, 1, 2, 3].map((i) => fixAt(from + i, 57 + (from + i) * 1e-4, false));

test("What comes late is smoothed as a drive of its own and leaves the live one as it was.", () => {
  const backlog = [0, 1, 2, 3].map((i) => fixAt(100 + i, 58 + i * 1e-4, true));
  const [first, late, second] = follow([live(1000), backlog, live(1004)]);
  expect([first, second]).toEqual(follow([live(1000), live(1004)]));
  expect(late![0]).toBe(58);
  late!.forEach((lat, i) => {
    expect(Math.abs(lat - 58 - i * 1e-4)).toBeLessThan(1e-4);
  });
});

test("A backlog from before the last one is another drive.", () => {
  const later = [0, 1, 2].map((i) => fixAt(500 + i, 58, true));
  const earlier = [0, 1, 2].map((i) => fixAt(400 + i, 58.0002, true));
  const [, , alone] = follow([live(1000), later, earlier]);
  expect(alone).toEqual(follow([earlier])[0]);
});
