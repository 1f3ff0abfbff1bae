import type { DeviceRecord } from "#decoders/teltonika/encode.ts";
import { gaussian, type Random, seededRandom } from "#simulator/random.ts";
import { loadGothenburg } from "#simulator/roads/network.ts";
import { createRouter } from "#simulator/roads/router.ts";
import { createVehicle, type VehicleState } from "#simulator/vehicle.ts";
import { fullRecord } from "./teltonika-load.ts";

/** Vehicles that drive Gothenburg's streets, and what they report. */

const NOISE_M = 5;
const SEED = 7;
const DEG_PER_M = 1 / 111_195;

/** A full record of the vehicle at a time (Unix ms); times never fall. */
export type ReportAt = (timeMs: number) => DeviceRecord;

/** `count` vehicles that set off at `startMs`, with 5 m of white noise. */
export function drivenVehicles(count: number, startMs: number): ReportAt[] {
  const network = loadGothenburg();
  const router = createRouter(network);
  const random = seededRandom(SEED, "noise");
  return Array.from({ length: count }, (_, n) => {
    const vehicle = createVehicle({ network, router, seed: SEED, name: `vehicle-${n}`, startMs });
    return (timeMs) => recordOf(vehicle.stepTo(timeMs), random);
  });
}

function recordOf({ timeMs, latDeg, lonDeg, headingDeg, speedMps }: VehicleState, random: Random): DeviceRecord {
  const noiseDeg = () => gaussian(random) * NOISE_M * DEG_PER_M;
  return {
    ...fullRecord(timeMs, Math.round((latDeg + noiseDeg()) * 1e7), Math.round(speedMps * 3.6)),
    longitudeE7: Math.round((lonDeg + noiseDeg() / Math.cos((latDeg * Math.PI) / 180)) * 1e7),
    headingDeg: Math.round(headingDeg) % 360,
  };
}
