import { join } from "node:path";
import { describeConformance } from "../conformance.ts";
import { anyDatagram, anyStreamFrame } from "./arbitraries.ts";
import { teltonika } from "./index.ts";
import { reencode } from "./reencode.ts";

describeConformance({
  decoder: teltonika,
  goldenDir: join(import.meta.dirname, "frames"),
  streamFrames: anyStreamFrame,
  datagrams: anyDatagram,
  reencode,
  checksummedFrom: (frame) => (frame.length > 1 && frame[0] === 0 && frame[1] === 0 ? 0 : null),
});
