import { join } from "node:path";
import fc from "fast-check";
import { describeConformance } from "../conformance.ts";
import { openFrame } from "./frame.ts";
import { commandReply, encodeFrame, gt06, heartbeat, location, login } from "./index.ts";

const serial = fc.integer({ min: 0, max: 0xffff });
const imei = fc.stringMatching(/^\d{15}$/);

const position = fc.record({
  latDeg: fc.double({ min: -90, max: 90, noNaN: true }),
  lonDeg: fc.double({ min: -180, max: 180, noNaN: true }),
  timeMs: fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }).map((timeS) => timeS * 1000),
  speedMps: fc.double({ min: 0, max: 70, noNaN: true }),
  headingDeg: fc.integer({ min: 0, max: 359 }),
  satellites: fc.integer({ min: 0, max: 15 }),
  positioned: fc.boolean(),
  ignition: fc.boolean(),
});

const frames = fc.oneof(
  fc.tuple(position, serial).map(([fix, n]) => location(fix, n)),
  fc.tuple(imei, serial).map(([id, n]) => login(id, n, { type: 0x100b, zoneMinutes: -225 })),
  serial.map((n) => heartbeat({ ignition: true, charging: false, positioned: true, level: 4, signal: 3 }, n)),
  fc.tuple(fc.string({ maxLength: 40 }), serial).map(([text, n]) => commandReply(text, 1, n)),
  fc.tuple(fc.uint8Array({ maxLength: 60 }), serial).map(([content, n]) => encodeFrame(0xf7, content, n)),
);

function reencode(bytes: Uint8Array): Uint8Array {
  const { protocol, content, serial: number, long } = openFrame(bytes)!;
  return encodeFrame(protocol, content, number, long);
}

describeConformance({
  decoder: gt06,
  goldenDir: join(import.meta.dirname, "frames"),
  streamFrames: frames,
  datagrams: frames,
  reencode,
  checksummedFrom: () => 0,
  runs: 30,
});
