import type { SimulatedRecord } from "../device.ts";
import { between, pick, seededRandom } from "../random.ts";

/** Records from all over the world, with every value that varies at random. Times are whole steps of `stepMs`. */
export function randomRecords(count: number, stepMs = 1): SimulatedRecord[] {
  const random = seededRandom(9, "records");
  return Array.from({ length: count }, (_, marker) => ({
    timeMs: Math.floor((Date.UTC(2026, 0, 1) + pick(random, 1e10)) / stepMs) * stepMs,
    latDeg: between(random, -89, 89),
    lonDeg: between(random, -180, 180),
    altitudeM: Math.round(between(random, -400, 4_000)),
    speedMps: between(random, 0, 60),
    headingDeg: between(random, 0, 360),
    satellites: 3 + pick(random, 20),
    hdop: between(random, 0.5, 3),
    ignition: random() < 0.5,
    odometerM: between(random, 0, 4e9),
    event: random() < 0.2 ? "ignition" : null,
    run: 1_800_000_000 + pick(random, 1_000),
    marker,
  }));
}
