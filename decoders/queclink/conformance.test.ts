import { join } from "node:path";
import fc from "fast-check";
import { describeConformance } from "../conformance.ts";
import { encodingOf, HEX_CRC_FROM, latin1 } from "./frame.ts";
import { asciiMessage, fixedReport, heartbeat, hexMessage, ignitionReport, queclink } from "./index.ts";

const device = { imei: "356938035643809", version: "060228", name: "van-7" };
const count = fc.integer({ min: 0, max: 0xffff });
const time = fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }).map((timeS) => timeS * 1000);
const position = fc.record({
  latDeg: fc.double({ min: -90, max: 90, noNaN: true }),
  lonDeg: fc.double({ min: -180, max: 180, noNaN: true }),
  timeMs: time,
  speedMps: fc.double({ min: 0, max: 90, noNaN: true }),
  headingDeg: fc.integer({ min: 0, max: 359 }),
  altitudeM: fc.double({ min: -500, max: 9000, noNaN: true }),
  accuracy: fc.integer({ min: 0, max: 50 }),
  odometerM: fc.integer({ min: 0, max: 1e9 }),
});
const state = { ignition: true, moving: false, externalVoltage: 12.1, batteryPercent: 90 };

const ascii = fc.oneof(
  fc
    .tuple(fc.array(position, { minLength: 1, maxLength: 5 }), time, count, fc.boolean())
    .map(([positions, sentMs, n, buffered]) => fixedReport(device, positions, state, { sentMs, count: n, buffered })),
  fc.tuple(position, time, count).map(([at, sentMs, n]) => ignitionReport(device, true, 60, at, { sentMs, count: n })),
  fc.tuple(time, count).map(([sentMs, n]) => heartbeat(device, sentMs, n)),
  fc
    .tuple(fc.array(fc.stringMatching(/^[ -#%-*,-~]{0,8}$/), { maxLength: 12 }), time, count)
    .map(([fields, sentMs, n]) => asciiMessage("RESP", "GTXYZ", ["990101", device.imei, "", ...fields], sentMs, n)),
);

/** +HBD with any count: message mask, length, type, firmware, id, time, count. */
const hex = count.map((n) => {
  const body = [0xeb, 30, 1, 0x0c, 0x01, 35, 92, 31, 3, 67, 35, 27, 0, 0x07, 0xe8, 1, 30, 9, 32, 38, n >> 8, n & 0xff];
  return hexMessage("HBD", Uint8Array.from(body));
});

/** +RSP of a GB100 with any heading: mask, length, type, versions, id, supply, motion, satellites, id and type, position. */
const hexPosition = fc.tuple(fc.integer({ min: 0, max: 359 }), count).map(([heading, n]) => {
  const front = [
    7, 0, 0xfc, 0x1f, 0xbf, 0, 93, 0x45, 1, 2, 2, 9, 35, 69, 38, 3, 56, 43, 80, 9, 100, 0x37, 0x7e, 0x42, 7,
  ];
  const position = [
    0x10,
    1,
    1,
    0,
    36,
    5,
    heading >> 8,
    heading & 0xff,
    0,
    126,
    0xff,
    0x75,
    0xa1,
    0x51,
    0x02,
    0x5c,
    0x6a,
    0x81,
  ];
  const rest = [
    0x07,
    0xe8,
    8,
    1,
    8,
    26,
    42,
    2,
    0x68,
    0,
    3,
    0x18,
    0x9c,
    0x1a,
    0xc5,
    0,
    ...new Array<number>(17).fill(0),
  ];
  const tail = [0x07, 0xe8, 8, 1, 8, 36, 16, n >> 8, n & 0xff];
  return hexMessage("RSP", Uint8Array.from([...front, ...position, ...rest, ...tail]));
});

function reencode(frame: Uint8Array): Uint8Array {
  if (encodingOf(frame)?.kind === "hex") return hexMessage(latin1(frame, 1, 4), frame.subarray(4, frame.length - 4));
  const fields = latin1(frame, 0, frame.length - 1).split(",");
  const [head, report] = fields[0]!.slice(1).split(":");
  const sent = fields.at(-2)!;
  const iso = `${sent.slice(0, 4)}-${sent.slice(4, 6)}-${sent.slice(6, 8)}T${sent.slice(8, 10)}:${sent.slice(10, 12)}:${sent.slice(12)}Z`;
  return asciiMessage(head!, report!, fields.slice(1, -2), Date.parse(iso), Number.parseInt(fields.at(-1)!, 16));
}

describeConformance({
  decoder: queclink,
  goldenDir: join(import.meta.dirname, "frames"),
  streamFrames: fc.oneof(ascii, hex, hexPosition),
  // Text may come without its terminator in a datagram, so only HEX loses nothing to a truncation unseen.
  datagrams: fc.oneof(hex, hexPosition),
  reencode,
  // The checksum begins after the header: +RSP and +BSP are one bit apart, and each is a frame.
  checksummedFrom: (frame) => (encodingOf(frame)?.kind === "hex" ? HEX_CRC_FROM : null),
  runs: 30,
});
