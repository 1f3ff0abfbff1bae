import fc from "fast-check";
import { expect, test } from "vitest";
import type { DecodeContext, Report } from "../decoder.ts";
import { crc8 } from "./checks.ts";
import { asciiMessage, command, fixedReport, queclink } from "./index.ts";

const context: DecodeContext = { transport: "tcp", deviceUid: null, model: null, receivedAtMs: 0 };
const imei = "356938035643809";
const sentMs = Date.UTC(2024, 1, 29, 12, 0, 0);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

function reportsOf(frame: Uint8Array, more: Partial<DecodeContext> = {}): Report[] {
  const result = queclink.decode(frame, { ...context, ...more });
  if (result.kind !== "decoded") throw new Error(result.detail);
  return result.reports;
}

function report(name: string, version: string, fields: readonly string[], head = "RESP"): Report {
  return reportsOf(asciiMessage(head, name, [version, imei, "", ...fields], sentMs, 7))[0]!;
}

const place = ["1", "36.0", "90", "-5.5", "-70.650500", "-33.437800", "20240229115958"];
const cell = ["0730", "0001", "1234", "00ABCDEF"];
const located = { valid: true, latDeg: -33.4378, lonDeg: -70.6505, altitudeM: -5.5, speedMps: 10, headingDeg: 90 };

test("a position is found whatever stands around it, for devices and reports that nobody has described", () => {
  const extra = fc.array(fc.constantFrom("", "0", "1", "12", "FF", "abc", "13.5", "00012:10:00", "210100"), {
    maxLength: 12,
  });
  const version = fc.constantFrom("060228", "990101", "8020999901", "ABCDEF01");
  fc.assert(
    fc.property(
      extra,
      extra,
      version,
      fc.constantFrom("GTFRI", "GTERI", "GTXYZ", "GTIGN"),
      (before, after, type, name) => {
        const found = report(name, type, [...before, ...place, ...cell, ...after]);
        expect(found).toMatchObject({ ...located, kind: "fix", timeMs: Date.UTC(2024, 1, 29, 11, 59, 58) });
      },
    ),
  );
});

test("a report with several positions gives as many fixes, each with its own time", () => {
  const base = { latDeg: 1, lonDeg: 2, speedMps: 3, headingDeg: 4, altitudeM: 5, accuracy: 1, odometerM: 6000 };
  const positions = [0, 10, 20].map((s) => ({ ...base, timeMs: sentMs - 60_000 + s * 1000 }));
  const device = { imei, version: "060228", name: "" };
  const state = { ignition: true, moving: true, externalVoltage: 12, batteryPercent: 50 };
  const reports = reportsOf(fixedReport(device, positions, state, { sentMs, count: 1 }));
  expect(reports.map((fix) => fix.timeMs)).toEqual(positions.map(({ timeMs }) => timeMs));
  expect(reports.at(-1)?.attributes).toMatchObject({
    ignition: true,
    motion: true,
    "battery.level": 50,
    odometer: 6000,
  });
});

test("a report from the buffer says so and otherwise has the bytes of the live one", () => {
  const fields = ["060228", imei, "", "", "10", "1", ...place, ...cell, "00", "1.0"];
  const live = asciiMessage("RESP", "GTDOG", fields, sentMs, 7);
  const kept = asciiMessage("BUFF", "GTDOG", fields, sentMs, 7);
  const read = (frame: Uint8Array): [boolean, string] => {
    const { buffered, bytesStart, bytesEnd } = reportsOf(frame)[0]!;
    return [buffered, Buffer.from(frame.subarray(bytesStart, bytesEnd)).toString()];
  };
  expect(read(live)[0]).toBe(false);
  expect(read(kept)).toEqual([true, read(live)[1]]);
});

test("without a fix the report has no position and the time of sending", () => {
  const empty = ["0", "", "", "", "", "", ""];
  expect(report("GTIGF", "060228", ["60", ...empty, ...cell, "00", "", ""])).toMatchObject({
    kind: "fix",
    valid: false,
    latDeg: null,
    lonDeg: null,
    timeMs: sentMs,
    event: "ignition.off",
    attributes: { ignition: false, "cell.mcc": 730, "cell.cid": 0xabcdef },
  });
});

test("a send time in local time is shifted by the device's zone, a GNSS time never", () => {
  const settings = { "time.zoneMinutes": -240 };
  const frame = (fields: string[]): Uint8Array =>
    asciiMessage("RESP", "GTPNA", ["060228", imei, "", ...fields], sentMs, 7);
  expect(reportsOf(frame([]), { settings })[0]?.timeMs).toBe(sentMs + 240 * 60_000);
  expect(reportsOf(frame([...place, ...cell]), { settings })[0]?.timeMs).toBe(Date.UTC(2024, 1, 29, 11, 59, 58));
});

test("the append mask takes satellites off the tail, and a reserved field or an odometer is not taken for it", () => {
  const head = ["", "10", "1", ...place, ...cell];
  const rest = ["", "", "", "", "88", "210100", "", "", ""];
  expect(report("GTFRI", "6E0202", [...head, "01", "12", "77.5", ...rest])).toMatchObject({
    satellites: 12,
    attributes: { odometer: 77500, "battery.level": 88, ignition: true },
  });
  expect(report("GTFRI", "6E0202", [...head, "03", "15", "", "77.5", ...rest])).toMatchObject({ satellites: 15 });
  expect(report("GTFRI", "060228", [...head, "00", "77.5", ...rest.slice(1)])).toMatchObject({
    satellites: null,
    attributes: { odometer: 77500, "battery.level": 88 },
  });
  expect(report("GTFRI", "1A0900", ["0", "0", "1", ...place, ...cell, "25.2", "83"])).toMatchObject({
    attributes: { odometer: 25200, "battery.level": 83 },
  });
});

test("an accessory's temperature, humidity and battery come out of its mask", () => {
  const accessory = [
    "1",
    "00",
    "6",
    "4",
    "0D1C099A",
    "283F",
    "cold-1",
    "7805414BA78A",
    "1",
    "3453",
    "24",
    "33",
    "24.58",
    "100",
  ];
  const tail = ["00", "0.0", "", "", "", "", "99", "210100", ""];
  const fields = ["00000100", "", "10", "1", ...place, ...cell, ...tail, ...accessory];
  expect(report("GTERI", "80201E0100", fields).attributes).toMatchObject({
    "ble.temperature.1": 24.58,
    "ble.humidity.1": 33,
    "ble.devices": [{ name: "cold-1", mac: "7805414BA78A", "battery.voltage": 3.453, "battery.level": 100 }],
  });
});

test("a CAN report is only a fix where the accuracy says so, and its position is kept either way", () => {
  const can = ["00", "1", "4000000C", "H100", "2.5"];
  const fixed = report("GTCAN", "310603", [...can, ...place, ...cell, "00"]);
  const repeated = report("GTCAN", "310603", [...can, "0", ...place.slice(1), ...cell, "00"]);
  expect(fixed).toMatchObject({ ...located, attributes: { "can.odometer": 10_000, "can.fuel.used": 2.5 } });
  expect(repeated).toMatchObject({ valid: false, latDeg: null, attributes: { "lastKnown.lat": -33.4378 } });
});

test("an unknown report keeps its fields and is acknowledged", () => {
  const frame = asciiMessage("RESP", "GTXYZ", ["060228", imei, "", "a", "", "b"], sentMs, 0x11f0);
  expect(reportsOf(frame)).toMatchObject([
    { kind: "status", timeMs: sentMs, attributes: { "fields.body": ["a", "", "b"] } },
  ]);
  const envelope = queclink.envelope(frame, "tcp");
  expect(envelope.kind === "data" && Buffer.from(envelope.ack ?? []).toString()).toBe("+SACK:11F0$");
});

test("data with a dollar and commas inside is read to its stated length", () => {
  const text = "a$b,c$,d";
  const fields = ["060228", imei, "", "", "", "", "0", String(text.length), text, ...place, ...cell, "00"];
  const frame = asciiMessage("RESP", "GTDTT", fields, sentMs, 7);
  const next = asciiMessage("RESP", "GTPNA", ["060228", imei, ""], sentMs, 8);
  const result = queclink.openStream().next(Uint8Array.from([...frame, ...next]));
  expect(result).toMatchObject({ kind: "frame", consumed: frame.length });
  expect(reportsOf(frame)).toMatchObject([located]);
});

test("a message without a terminator ends where the next one starts", () => {
  const first = asciiMessage("RESP", "GTPNA", ["060228", imei, ""], sentMs, 7);
  const cut = bytes(`+RESP:GTFRI,060228,${imei},,,10`);
  const stream = (part: Uint8Array): Uint8Array => Uint8Array.from([...part, ...first]);
  const whole = first.subarray(0, first.length - 1);
  expect(queclink.openStream().next(stream(whole))).toMatchObject({ kind: "frame", consumed: whole.length });
  expect(queclink.openStream().next(stream(cut))).toMatchObject({ kind: "rejected", consumed: cut.length });
});

test("a datagram that lost its end is refused wherever it was cut, and read where only the terminator is missing", () => {
  const base = { latDeg: -33.4378, lonDeg: -70.6505, speedMps: 3, headingDeg: 4, altitudeM: 5, accuracy: 1 };
  const positions = [0, 10].map((s) => ({
    ...base,
    timeMs: sentMs - s * 1000,
    odometerM: 6000,
    cell: { lac: 0x1234, cid: 0xabcdef },
  }));
  const state = { ignition: true, moving: true, externalVoltage: 12, batteryPercent: 50 };
  const withoutFix = ["1", "3.5", "90", "-5.5", "", "", "20240229115958", ...cell, "", "", "20240229115959"];
  for (const message of [
    fixedReport({ imei, version: "060228", name: "" }, positions, state, { sentMs, count: 1 }),
    asciiMessage("RESP", "GTFRI", ["060228", imei, "", "", "10", "1", ...withoutFix], sentMs, 7),
    asciiMessage("RESP", "GTXYZ", ["990101", imei, "", ...place, "20240229120000", "1"], sentMs, 7),
  ]) {
    const whole = message.length - 1;
    expect(queclink.readDatagram(message.subarray(0, whole))).toMatchObject({ kind: "frame", consumed: whole });
    for (let length = 0; length < whole; length++) {
      expect(queclink.readDatagram(message.subarray(0, length)), `cut to ${length}`).toMatchObject({
        kind: "rejected",
      });
    }
  }
});

test("a compact message is checked and its position read", () => {
  const head = [0x2b, 0, 0, 56, 0, 0x03, 0x56, 0x93, 0x80, 0x35, 0x64, 0x38, 0x09, 0x82, 0x03, 0, 3, 0, 0];
  const timeS = sentMs / 1000;
  const u32 = (value: number): number[] => [...Buffer.from(Uint32Array.of(value).buffer)].reverse();
  const item = [
    0x52,
    22,
    0,
    ...u32(-70_650_500),
    ...u32(-33_437_800),
    ...u32(timeS),
    0,
    36,
    22,
    0,
    90,
    0,
    0x10,
    0xf5,
    5,
  ];
  const record = [33, ...u32(timeS), 0, 1, 0x20, 2, ...item];
  const frame = Uint8Array.from([...head, ...record, 0x01, 0x0f, 0, 0x24]);
  frame[frame.length - 2] = crc8(frame, 0, frame.length - 2);
  expect(queclink.openStream().next(frame)).toMatchObject({ kind: "frame" });
  expect(queclink.envelope(frame, "tcp")).toMatchObject({ kind: "data", deviceUid: imei });
  expect(reportsOf(frame)).toMatchObject([
    {
      kind: "fix",
      valid: true,
      latDeg: -33.4378,
      lonDeg: -70.6505,
      speedMps: 1,
      headingDeg: 90,
      altitudeM: 434.1,
      hdop: 2.2,
      satellites: 5,
    },
  ]);
  frame[20]! ^= 1;
  expect(queclink.openStream().next(frame)).toMatchObject({ kind: "rejected", reason: "checksum" });
});

test("a command carries its serial, and the answer brings it back", () => {
  expect(Buffer.from(command("GTRTO", "gv300", ["1", "", ""], 0x1f)).toString()).toBe("AT+GTRTO=gv300,1,,,001F$");
  expect(report("GTRTO", "060228", ["RTL", "001F"], "ACK")).toMatchObject({
    kind: "commandReply",
    attributes: { "command.serial": "001F", "command.refused": false },
  });
  expect(report("GTRTO", "060228", ["0", "001F"], "NACK").attributes["command.refused"]).toBe(true);
});
