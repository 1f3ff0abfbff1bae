import type { SimulatedRecord } from "./device.ts";
import type { DeviceLedger } from "./ledger.ts";
import { gaussian, type Random } from "./random.ts";
import { offsetDeg, turnDeg } from "./roads/geometry.ts";
import type { VehicleState } from "./vehicle.ts";

/** When a device makes a record: whichever comes first. A change of the ignition makes one at once. */
export type RecordRule = { everyMs: number; everyM: number; everyDeg: number };

export type RecorderOptions = {
  rule: RecordRule;
  ledger: DeviceLedger;
  run: number;
  random: Random;
  /** Standard deviation of the GNSS error on each axis, metres. */
  noiseM: number;
  /** What the device's clock is ahead of the truth, milliseconds. */
  clockOffsetMs: number;
};

export type Recorder = {
  /** Looks at the true state; gives a record where the rule asks for one. */
  observe(state: VehicleState): SimulatedRecord | undefined;
};

const ALTITUDE_M = 12;
const SATELLITES_MIN = 7;
const SATELLITES_SPREAD = 9;

/** What the tracker's firmware does between the GNSS receiver and its memory. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { rule, ledger, run, random, noiseM, clockOffsetMs } = options;
  let last: VehicleState | undefined;

  function observe(state: VehicleState): SimulatedRecord | undefined {
    const ignitionChanged = last !== undefined && last.ignition !== state.ignition;
    if (last && !ignitionChanged && !isDue(last, state)) return undefined;
    last = state;
    const timeMs = Math.round(state.timeMs + clockOffsetMs);
    const noise = offsetDeg(state.latDeg, noiseM * gaussian(random), noiseM * gaussian(random));
    return {
      timeMs,
      latDeg: state.latDeg + noise.latDeg,
      lonDeg: state.lonDeg + noise.lonDeg,
      altitudeM: ALTITUDE_M,
      speedMps: state.speedMps,
      headingDeg: state.headingDeg,
      satellites: SATELLITES_MIN + Math.floor(random() * SATELLITES_SPREAD),
      hdop: 0.7 + random() * 0.6,
      ignition: state.ignition,
      odometerM: state.odometerM,
      event: ignitionChanged ? "ignition" : null,
      run,
      marker: ledger.add(timeMs),
    };
  }

  function isDue(before: VehicleState, now: VehicleState): boolean {
    return (
      now.timeMs - before.timeMs >= rule.everyMs ||
      now.odometerM - before.odometerM >= rule.everyM ||
      (now.speedMps > 1 && turnDeg(before.headingDeg, now.headingDeg) >= rule.everyDeg)
    );
  }

  return { observe };
}
