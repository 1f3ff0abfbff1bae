import { readFileSync } from "node:fs";
import type { ProtocolDecoder } from "#decoders/decoder.ts";
import { crcItu } from "#decoders/gt06/crc-itu.ts";
import { gt06, location } from "#decoders/gt06/index.ts";
import { fixedReport, hexMessage, queclink } from "#decoders/queclink/index.ts";
import { teltonika } from "#decoders/teltonika/index.ts";
import { printTable, ratePerCpuSecond } from "./measure.ts";
import { fullRecord, recordPacket } from "./teltonika-load.ts";

/**
 * Decode rates of the other trackers, one position a frame, from a buffer as a socket brings it: framer alone, framer and
 * envelope (what stands before the ack), framer and reports. A Teltonika frame of one record runs along, and for each
 * protocol the least that any decoder of it does.
 */

/** Distinct frames in one buffer so that nothing can be remembered between calls. */
const FRAMES = 64;
const FIRST_MS = 1_700_000_000_000;
const CPU_SECONDS = 0.8;

type Contender = {
  name: string;
  decoder: ProtocolDecoder;
  deviceUid: string;
  frames: readonly Uint8Array[];
  limit: { name: string; work: (frame: Buffer) => unknown };
};

const eachFrame = (make: (index: number) => Uint8Array) => Array.from({ length: FRAMES }, (_, index) => make(index));

const timeMs = (index: number) => FIRST_MS + index * 30_000;

function positionOf(index: number) {
  const where = { latDeg: 47.3769 + index / 1e4, lonDeg: 8.5417 + index / 1e4, headingDeg: index * 5, speedMps: 13.9 };
  return { ...where, timeMs: timeMs(index), altitudeM: 412, odometerM: 123_456_700, cell: { lac: 6264, cid: 40_321 } };
}

function asciiFrame(index: number): Uint8Array {
  const device = { imei: "860000000000001", version: "060228", name: "gv300" };
  const state = { ignition: true, moving: true, externalVoltage: 13.8, batteryPercent: 97 };
  const message = { sentMs: timeMs(index), count: index };
  return fixedReport(device, [{ ...positionOf(index), accuracy: 1 }], state, message);
}

/** The vendor's example of a HEX position, with a count of its own in each frame. */
function hexFrames(): Uint8Array[] {
  const file = new URL("../decoders/queclink/frames/hex-position.json", import.meta.url);
  const example = Buffer.from(JSON.parse(readFileSync(file, "utf8")).hex, "hex");
  const head = example.toString("latin1", 1, 4);
  const typeToCount = example.subarray(4, -4);
  return eachFrame((index) => hexMessage(head, Uint8Array.from([...typeToCount.subarray(0, -1), index])));
}

function gt06Frame(index: number): Uint8Array {
  return location({ ...positionOf(index), satellites: 11, positioned: true, ignition: true }, index);
}

const splitText = { name: "text split at its commas", work: (frame: Buffer) => frame.toString("latin1").split(",") };
const sumOf = (name: string) => ({ name, work: (frame: Buffer) => crcItu(frame, 0, frame.length) });

const CONTENDERS: readonly Contender[] = [
  {
    name: "Queclink ASCII, GTFRI",
    decoder: queclink,
    deviceUid: "860000000000001",
    frames: eachFrame(asciiFrame),
    limit: splitText,
  },
  {
    name: "Queclink HEX, +RSP position",
    decoder: queclink,
    deviceUid: "359231036735270",
    frames: hexFrames(),
    limit: sumOf("16-bit checksum"),
  },
  {
    name: "GT06, location 0x22",
    decoder: gt06,
    deviceUid: "860000000000002",
    frames: eachFrame(gt06Frame),
    limit: sumOf("16-bit checksum"),
  },
  {
    name: "Teltonika Codec 8E, one full record",
    decoder: teltonika,
    deviceUid: "350000000000001",
    frames: eachFrame((index) => recordPacket(0x8e, 1, fullRecord, timeMs(index))),
    limit: sumOf("16-bit checksum"),
  },
];

/** Delimits the whole buffer and hands each frame on; throws when the framer is not content. */
function frameAll(decoder: ProtocolDecoder, stream: Uint8Array, take: (frame: Uint8Array) => void): void {
  const framer = decoder.openStream();
  for (let at = 0; at < stream.length; ) {
    const result = framer.next(stream.subarray(at));
    if (result.kind !== "frame") throw new Error(`${decoder.protocol}: ${result.kind} at byte ${at}`);
    take(result.frame);
    at += result.consumed;
  }
}

/** Throws unless every frame is worth one fix: a refusal would be measured as a fast decoder. */
function checkFixes(
  { name, decoder, frames }: Contender,
  decode: (frame: Uint8Array) => ReturnType<typeof decoder.decode>,
) {
  let fixes = 0;
  frameAll(decoder, new Uint8Array(Buffer.concat(frames)), (frame) => {
    const result = decode(frame);
    if (result.kind === "decoded") fixes += result.reports.filter(({ kind, valid }) => kind === "fix" && valid).length;
  });
  if (fixes !== FRAMES) throw new Error(`${name}: ${fixes} fixes in ${FRAMES} frames`);
}

function measure(contender: Contender): Record<string, string | number> {
  const { name, decoder, deviceUid, frames, limit } = contender;
  const context = { transport: "tcp", deviceUid, model: null, receivedAtMs: FIRST_MS } as const;
  const decode = (frame: Uint8Array) => decoder.decode(frame, context);
  checkFixes(contender, decode);
  const stream = new Uint8Array(Buffer.concat(frames));
  const buffers = frames.map((frame) => Buffer.from(frame));
  const rate = (take: (frame: Uint8Array) => void) =>
    ratePerCpuSecond(FRAMES, () => frameAll(decoder, stream, take), CPU_SECONDS) / 1000;
  const decoded = rate(decode);
  const limitRate = ratePerCpuSecond(FRAMES, () => buffers.forEach(limit.work), CPU_SECONDS) / 1000;
  return {
    frame: name,
    bytes: frames[0]!.length,
    framed: rate(() => undefined),
    "and envelope": rate((frame) => decoder.envelope(frame, "tcp", FIRST_MS)),
    "and decoded to reports": decoded,
    "the least work": limit.name,
    "its rate": limitRate,
    "decoded ÷ least": decoded / limitRate,
  };
}

printTable("Decode, thousand frames of one position per CPU second", CONTENDERS.map(measure));
