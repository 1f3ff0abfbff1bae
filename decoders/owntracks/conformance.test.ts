import { join } from "node:path";
import fc from "fast-check";
import { describeConformance } from "../conformance.ts";
import { parseMessage } from "../message-frame.ts";
import { frameOf, frameOfPost, locationPayload, owntracks } from "./index.ts";

const location = fc
  .record({
    latDeg: fc.double({ min: -90, max: 90, noNaN: true }),
    lonDeg: fc.double({ min: -180, max: 180, noNaN: true }),
    timeS: fc.integer({ min: 0, max: 4_000_000_000 }),
    speedMps: fc.double({ min: 0, max: 90, noNaN: true }),
    headingDeg: fc.integer({ min: 0, max: 360 }),
    altitudeM: fc.integer({ min: -500, max: 9000 }),
  })
  .map(({ timeS, ...rest }) => locationPayload({ ...rest, timeMs: timeS * 1000, trackerId: "an" }));
const published = fc.tuple(fc.constantFrom("owntracks/ana/phone", "o/å/b/c", "x"), location);
const posted = fc.tuple(fc.constantFrom("ana", "o'neil"), location);

const frames = fc.oneof(
  published.map(([topic, payload]) => frameOf(topic, payload)),
  posted.map(([user, body]) => frameOfPost({ user, device: "phone", body })),
);

function reencode(frame: Uint8Array): Uint8Array {
  const message = parseMessage(frame)!;
  const { topic, user, device } = message.head;
  if (topic !== undefined) return frameOf(topic, message.body);
  return frameOfPost({ user: user!, device: device!, body: message.body });
}

describeConformance({
  decoder: owntracks,
  goldenDir: join(import.meta.dirname, "frames"),
  streamFrames: frames,
  messages: { transport: "mqtt", frames },
  reencode,
  runs: 30,
});
