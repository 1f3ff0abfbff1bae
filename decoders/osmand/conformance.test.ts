import { join } from "node:path";
import fc from "fast-check";
import { describeConformance } from "../conformance.ts";
import { parseMessage } from "../message-frame.ts";
import { frameOf, type OsmAndRequest, osmand, positionFrame, positionsFrame } from "./index.ts";

const position = fc.record({
  deviceId: fc.constantFrom("7001", "a b&c"),
  latDeg: fc.double({ min: -90, max: 90, noNaN: true }),
  lonDeg: fc.double({ min: -180, max: 180, noNaN: true }),
  timeMs: fc.integer({ min: 0, max: 4_000_000_000 }).map((timeS) => timeS * 1000),
  speedMps: fc.double({ min: 0, max: 90, noNaN: true }),
  headingDeg: fc.integer({ min: 0, max: 360 }),
});

const frames = fc.oneof(
  position.map(positionFrame),
  fc.array(position, { minLength: 1, maxLength: 4 }).map(positionsFrame),
);

function reencode(frame: Uint8Array): Uint8Array {
  const { head, body } = parseMessage(frame)!;
  const request: OsmAndRequest = { method: head.method!, path: head.path!, body };
  return frameOf(head.contentType === undefined ? request : { ...request, contentType: head.contentType });
}

describeConformance({
  decoder: osmand,
  goldenDir: join(import.meta.dirname, "frames"),
  streamFrames: frames,
  messages: { transport: "http", frames },
  reencode,
  runs: 30,
});
