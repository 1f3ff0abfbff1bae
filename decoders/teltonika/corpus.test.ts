import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Report } from "../decoder.ts";
import { contextOf, cutStream } from "../outcome.ts";
import { teltonika } from "./index.ts";

/**
 * The conformance corpus: real frames with what a mature decoder made of them. Its frames stay where they are; without
 * it the tests are skipped.
 */
type Position = {
  fixTime: string | null;
  deviceTime: string | null;
  valid: boolean;
  noFix?: boolean;
  lat: number;
  lon: number;
  altitudeM: number;
  speedMps: number;
  headingDeg: number;
  attributes: { [name: string]: unknown };
};

type Case = {
  id: string;
  transport: "tcp" | "udp";
  wire: string[];
  wire_repaired?: string[];
  integrity?: { length?: boolean; checksum?: boolean };
  settings?: { modelOverride?: string };
  expect: { deviceIds?: string[]; positions: Position[] | null; replies?: string[] };
};

const CORPUS = join(import.meta.dirname, "../../../shared/corpus/teltonika.jsonl");
const cases: Case[] = existsSync(CORPUS)
  ? readFileSync(CORPUS, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Case)
  : [];

/** Reference names whose value must equal ours wherever our profile names the element, with what theirs means in ours. */
const NAMES: { readonly [reference: string]: [ours: string, read?: (value: unknown) => unknown] } = {
  ignition: ["ignition"],
  motion: ["motion"],
  in1: ["input.1"],
  in2: ["input.2"],
  in3: ["input.3"],
  out1: ["output.1"],
  out2: ["output.2"],
  rssi: ["gsm.signal"],
  pdop: ["gnss.pdop"],
  hdop: ["gnss.hdop"],
  vdop: ["gnss.vdop"],
  power: ["external.voltage"],
  battery: ["battery.voltage"],
  batteryLevel: ["battery.level"],
  usbConnected: ["charger.connected"],
  uptime: ["device.uptime"],
  operator: ["gsm.operator"],
  tripOdometer: ["trip.odometer"],
  odometer: ["odometer"],
  vin: ["vin"],
  dtcs: ["engine.dtc.codes", (value) => String(value).replaceAll(" ", ",")],
  adc1: ["analog.1"],
  adc2: ["analog.2"],
  iccid: ["sim.iccid.1"],
  driverUniqueId: ["driver.ibutton", (value) => String(value).toLowerCase()],
  io24: ["speed", (value) => Number(value) / 3.6],
  io68: ["battery.current", (value) => Number(value) / 1_000],
  io72: ["temperature.1", dallas],
  io73: ["temperature.2", dallas],
  io74: ["temperature.3", dallas],
  io200: ["sleep.mode", (value) => ["none", "gps", "deep", "online", "ultra"][Number(value)]],
};

function dallas(value: unknown): number | null {
  return [850, 2000, 3000, 4000, 5000].includes(Number(value)) ? null : Number(value) / 10;
}

const sound = (item: Case) => item.integrity?.length !== false && item.integrity?.checksum !== false;

if (cases.length === 0) console.log("conformance corpus absent: its tests are skipped");

describe.skipIf(cases.length === 0)("on the conformance corpus", () => {
  let compared = 0;

  test.each(cases.filter(sound))("$id gives the positions and answers of the reference", (item) => {
    expectEqual(item, item.wire);
  });

  test.each(cases.filter((item) => item.wire_repaired))(
    "$id is read once its length and checksum are right",
    (item) => {
      expectEqual(item, item.wire_repaired!);
    },
  );

  test.each(cases.filter((item) => !sound(item)))("$id is refused for its length or checksum", (item) => {
    const cuts = cutStream(teltonika, Buffer.from(item.wire.join(""), "hex"));
    expect(cuts.length).toBeGreaterThan(0);
    expect(cuts.filter((cut) => cut.kind === "frame")).toEqual([]);
  });

  test("element values were compared", () => {
    expect(compared).toBeGreaterThan(200);
  });

  function expectEqual(item: Case, wire: readonly string[]): void {
    const reports: Report[] = [];
    const replies: string[] = [];
    for (const cut of cutStream(teltonika, Buffer.from(wire.join(""), "hex"))) {
      expect(cut.kind).toBe("frame");
      if (cut.kind !== "frame") continue;
      const frame = Buffer.from(cut.hex, "hex");
      const envelope = teltonika.envelope(frame, item.transport);
      if (envelope.kind === "login") {
        expect([envelope.deviceUid]).toEqual(item.expect.deviceIds);
        replies.push(Buffer.from(envelope.accept).toString("hex"));
      } else if (envelope.kind === "data" && envelope.ack) replies.push(Buffer.from(envelope.ack).toString("hex"));
      const result = teltonika.decode(
        frame,
        contextOf(item.transport, { model: item.settings?.modelOverride ?? null }),
      );
      expect(result.kind).toBe("decoded");
      if (result.kind === "decoded") reports.push(...result.reports);
    }
    // A photo announced over codec 12 makes the reference fetch it; we report it and leave fetching to commands.
    const answered = replies.length > 0 || !reports.some((report) => report.kind === "commandReply");
    if (answered) expect(replies).toEqual(item.expect.replies ?? []);
    comparePositions(reports, item.expect.positions);
  }

  function comparePositions(reports: readonly Report[], positions: readonly Position[] | null): void {
    const located = (positions ?? []).filter((position) => !position.noFix);
    const fixes = reports.filter((report) => report.kind === "fix");
    expect(fixes.length).toBe(located.length);
    for (const [index, position] of located.entries()) comparePosition(fixes[index]!, position);
    const others = (positions ?? []).filter((position) => position.noFix);
    const statuses = reports.filter((report) => report.kind === "status" || report.kind === "commandReply");
    others.forEach((position, index) => {
      const time = position.deviceTime === null ? null : Date.parse(position.deviceTime);
      expect(statuses[index]?.timeMs).toBe(time);
      const driver = position.attributes.driverUniqueId;
      if (driver !== undefined) expect(statuses[index]?.attributes["driver.id"]).toBe(driver);
    });
  }

  function comparePosition(fix: Report, position: Position): void {
    expect(fix.timeMs).toBe(Date.parse(position.fixTime!));
    expect(fix.valid).toBe(position.valid);
    if (position.valid) {
      expect(fix.latDeg).toBeCloseTo(position.lat, 6);
      expect(fix.lonDeg).toBeCloseTo(position.lon, 6);
    } else {
      expect([fix.latDeg, fix.lonDeg]).toEqual([null, null]);
      expect(fix.attributes["lastKnown.lat"]).toBeCloseTo(position.lat, 6);
    }
    expect(fix.altitudeM).toBeCloseTo(position.altitudeM, 3);
    expect(fix.speedMps).toBeCloseTo(position.speedMps, 3);
    expect(fix.headingDeg).toBeCloseTo(position.headingDeg, 3);
    const satellites = position.attributes.sat;
    if (satellites !== undefined) expect(fix.satellites).toBe(satellites);
    for (const [reference, value] of Object.entries(position.attributes)) {
      const [ours, read] = NAMES[reference] ?? [];
      if (ours === undefined || !(ours in fix.attributes)) continue;
      const expected = read ? read(value) : value;
      if (typeof expected === "number") expect(fix.attributes[ours], ours).toBeCloseTo(expected, 6);
      else expect(fix.attributes[ours], ours).toEqual(expected);
      compared++;
    }
  }
});
